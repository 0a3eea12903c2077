#include "sinks/audit/log/export.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "runtime/time.h"
#include "tests/sinks/audit/fixture.h"

namespace portcall::sinks::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class ExportTest : public AuditFolder {
 protected:
  ExportTest() {
    options_.rotate_bytes = 4'000;
    Fill(1, 20);
    task_.folder = folder();
  }
  std::vector<std::string> Run() {
    std::vector<std::string> rows;
    const auto written = Export(task_, [&](std::string_view text) {
      rows.emplace_back(text);
      return true;
    });
    if (!written) throw std::runtime_error(written.error().detail);
    return rows;
  }
  std::vector<std::int64_t> Exported() {
    std::vector<std::int64_t> seqs;
    for (const std::string& row : Run())
      seqs.push_back(LinkOf(std::string_view(row).substr(0, row.size() - 1))->SeqNumber());
    return seqs;
  }
  ExportOptions task_;
};

TEST_F(ExportTest, WithoutFiltersItIsTheLogItself) {
  const auto lines = AllLines();
  const auto rows = Run();
  ASSERT_EQ(rows.size(), lines.size());
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i], lines[i] + '\n');
}

TEST_F(ExportTest, TakesWhatFits) {
  task_.actor = "alice";
  task_.repository = "*/app-4";
  EXPECT_THAT(Exported(), ElementsAre(4, 18));
  task_.action = "delete";
  EXPECT_THAT(Run(), IsEmpty());
}

TEST_F(ExportTest, TakesARangeOfTime) {
  task_.since = runtime::Rfc3339Fixed(1'790'000'000'000'000'005);
  task_.until = runtime::Rfc3339Fixed(1'790'000'000'000'000'008);
  EXPECT_THAT(Exported(), ElementsAre(5, 6, 7));
}

TEST_F(ExportTest, ConvertsToEcs) {
  task_.format = ExportFormat::kEcs;
  const auto rows = Run();
  ASSERT_THAT(rows, SizeIs(20));
  EXPECT_EQ(nlohmann::json::parse(rows[4])["container"]["image"]["name"], "acme/app-5");
}

TEST_F(ExportTest, CsvHasAHeadAndQuotesWhatMustBe) {
  store::Event event = *MakeEvent(21);
  event.actor = "=cmd(\"x\"), or so";
  ASSERT_TRUE(Open()->Append(std::vector<store::EventPtr>{std::make_shared<const store::Event>(event)}));
  task_.format = ExportFormat::kCsv;
  const auto rows = Run();
  ASSERT_THAT(rows, SizeIs(22));
  EXPECT_THAT(rows[0], StartsWith("n,seq,recorded,"));
  EXPECT_EQ(std::ranges::count(rows[0], ','), std::ranges::count(rows[1], ','));
  EXPECT_THAT(rows[21], HasSubstr(",\"'=cmd(\"\"x\"\"), or so\","));
}

TEST_F(ExportTest, CsvSaysWhereFromAndWhereItWasServed) {
  store::Event event = *MakeEvent(21);
  store::Details details = store::DecodeDetails(event.details);
  details.from_repository = "acme/base";
  details.source_addr = "node-1:5000";
  details.source_instance = "i-1";
  event.details = store::EncodeDetails(details);
  ASSERT_TRUE(Open()->Append(std::vector<store::EventPtr>{std::make_shared<const store::Event>(event)}));
  task_.format = ExportFormat::kCsv;
  const auto rows = Run();
  const auto cells = [](const std::string& row) {
    std::vector<std::string> found;
    std::istringstream text(row.substr(0, row.size() - 1));
    for (std::string cell; std::getline(text, cell, ',');) found.push_back(cell);
    return found;
  };
  const auto names = cells(rows.front()), values = cells(rows.back());
  ASSERT_EQ(names.size(), values.size());
  const auto value = [&](const char* name) {
    return values.at(static_cast<std::size_t>(std::ranges::find(names, name) - names.begin()));
  };
  EXPECT_EQ(value("from"), "acme/base");
  EXPECT_EQ(value("node"), "node-1:5000");
  EXPECT_EQ(value("instance"), "i-1");
  EXPECT_EQ(value("registry"), "registry.example.com");
}

TEST_F(ExportTest, StopsWhenNobodyListens) {
  int rows = 0;
  const auto written = Export(task_, [&](std::string_view) { return ++rows < 3; });
  ASSERT_TRUE(written);
  EXPECT_EQ(*written, 2U);
}

TEST_F(ExportTest, SaysWhereALineIsNoRecord) {
  const auto file = Segments()[0].file;
  WriteText(file, "nonsense\n" + ReadText(file));
  const auto written = Export(task_, [](std::string_view) { return true; });
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().detail, HasSubstr(".jsonl:1 is no record"));
}

}  // namespace
}  // namespace portcall::sinks::audit
