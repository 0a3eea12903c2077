#include "registry/recording/upload_notes.h"

#include <thread>

#include "tests/registry/service_fixture.h"

namespace portcall::registry {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

class UploadNotesTest : public ServiceTest {
 protected:
  std::vector<store::UploadRow> Rows() {
    using List = std::vector<store::UploadRow>;
    return *store_->ReadNow([](store::Snapshot& s) -> Result<List> {
      return store::UploadsStartedBefore(s, INT64_MAX, 2 * UploadNotes::kMost);
    });
  }
};

TEST_F(UploadNotesTest, TheEndWritesWhatIsNoted) {
  {
    UploadNotes notes(*store_, log_, 1h);
    EXPECT_TRUE(notes.Add({"one", "a/b", 7}));
    EXPECT_TRUE(notes.Add({"two", "a/b", 8}));
    EXPECT_EQ(notes.Find("one")->repository, "a/b");
    EXPECT_TRUE(notes.Cancel("one"));
    EXPECT_FALSE(notes.Find("one"));
    EXPECT_TRUE(Rows().empty()) << "too young";
  }
  const auto rows = Rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].uuid, "two");
  EXPECT_EQ(rows[0].repository, "a/b");
  EXPECT_EQ(rows[0].started_at, 8);
}

TEST_F(UploadNotesTest, OldOnesAreWrittenAndThenNotCancelled) {
  UploadNotes notes(*store_, log_, std::chrono::milliseconds(1));
  EXPECT_TRUE(notes.Add({"one", "a", 7}));
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (Rows().empty() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  ASSERT_EQ(Rows().size(), 1u);
  EXPECT_FALSE(notes.Cancel("one")) << "the row is there, and somebody must delete it";
}

TEST_F(UploadNotesTest, IsBoundedAndWritesManyToATransaction) {
  {
    UploadNotes notes(*store_, log_, 1h);
    for (std::size_t i = 0; i < UploadNotes::kMost; ++i) ASSERT_TRUE(notes.Add({std::to_string(i), "a", 7}));
    EXPECT_FALSE(notes.Add({"more", "a", 7}));
    EXPECT_TRUE(notes.Cancel("0"));
    EXPECT_TRUE(notes.Add({"more", "a", 7}));
  }
  EXPECT_EQ(Rows().size(), UploadNotes::kMost);
}

}  // namespace
}  // namespace portcall::registry
