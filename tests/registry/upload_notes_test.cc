#include "registry/recording/upload_notes.h"

#include <future>
#include <latch>
#include <mutex>
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
  // Sooner or later it is not theirs any more, and somebody else must delete it.
  while (notes.Find("one") && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_FALSE(notes.Cancel("one"));
}

TEST_F(UploadNotesTest, OneThatEndsWhileItsRowIsWrittenLeavesNone) {
  std::latch inside(1);
  std::promise<void> go;
  std::jthread holder([&] {
    (void)store_->WriteNow(
        [&, entered = std::make_shared<std::once_flag>(), left = go.get_future().share()](store::Tx&) -> Result<void> {
          std::call_once(*entered, [&] { inside.count_down(); });
          left.wait();
          return {};
        });
  });
  inside.wait();
  {
    UploadNotes notes(*store_, log_, std::chrono::milliseconds(1));
    EXPECT_TRUE(notes.Add({"one", "a", 7}));
    EXPECT_TRUE(notes.Add({"two", "a", 7}));
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (store_->stats().queue_depth < 1 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    EXPECT_TRUE(notes.Cancel("one"));
    EXPECT_FALSE(notes.Find("one"));
    go.set_value();
  }
  ASSERT_EQ(Rows().size(), 1u);
  EXPECT_EQ(Rows()[0].uuid, "two");
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
