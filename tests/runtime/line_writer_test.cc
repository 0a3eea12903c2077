#include "runtime/line_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/temp_dir.h"

namespace portcall::runtime {
namespace {

std::string Told(std::size_t lines, std::string_view why) {
  return "lost " + std::to_string(lines) + ": " + std::string(why) + "\n";
}

// A pipe whose reader sleeps until Drain, and a writer for it.
class LineWriterTest : public ::testing::Test {
 protected:
  LineWriterTest() {
    ::signal(SIGPIPE, SIG_IGN);  // as the program does
    if (::pipe(ends_) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  }
  ~LineWriterTest() override {
    writer_.reset();
    CloseWriteEnd();
    if (reader_.joinable()) reader_.join();
    ::close(ends_[0]);
  }
  LineWriter& Make(std::size_t max_bytes) { return writer_.emplace(ends_[1], max_bytes, Told); }
  void CloseWriteEnd() {
    if (ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
  }
  void FillPipe() {
    ::fcntl(ends_[1], F_SETFL, O_NONBLOCK);
    const std::string block(PIPE_BUF, '.');
    while (::write(ends_[1], block.data(), block.size()) > 0) {
    }
    ::fcntl(ends_[1], F_SETFL, 0);
  }
  void Drain() {
    reader_ = std::jthread([this] {
      char block[4096];
      ssize_t n = 0;
      while ((n = ::read(ends_[0], block, sizeof block)) > 0) got_.append(block, static_cast<std::size_t>(n));
    });
  }
  // All that came, without what filled the pipe; ends the writer.
  std::string Got() {
    writer_.reset();
    CloseWriteEnd();
    reader_.join();
    return got_.substr(std::min(got_.find_first_not_of('.'), got_.size()));
  }
  int ends_[2] = {-1, -1};
  std::optional<LineWriter> writer_;

 private:
  std::string got_;
  std::jthread reader_;
};

template <class Work>
std::chrono::steady_clock::duration Took(Work work) {
  const auto begun = std::chrono::steady_clock::now();
  work();
  return std::chrono::steady_clock::now() - begun;
}

TEST_F(LineWriterTest, LinesOfEveryThreadArriveInOrder) {
  constexpr int kThreads = 4, kEach = 2'000;
  LineWriter& writer = Make(1 << 20);
  Drain();
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&writer, t] {
        for (int i = 0; i < kEach; ++i) writer.Write(std::to_string(t) + " " + std::to_string(i) + "\n");
      });
    }
  }
  std::istringstream lines(Got());
  int next[kThreads] = {};
  int t = 0, i = 0;
  while (lines >> t >> i) ASSERT_EQ(i, next[t]++);
  for (const int n : next) EXPECT_EQ(n, kEach);
}

TEST_F(LineWriterTest, ALineComesByItself) {
  LineWriter& writer = Make(1000);
  writer.Write("hello\n");
  char block[64];
  const ssize_t n = ::read(ends_[0], block, sizeof block);
  EXPECT_EQ(std::string_view(block, static_cast<std::size_t>(std::max<ssize_t>(n, 0))), "hello\n");
}

TEST_F(LineWriterTest, AFullPipeCostsTheNewestLinesAndIsToldWhereTheyAreMissing) {
  LineWriter& writer = Make(100);
  FillPipe();
  writer.Write("under way\n");
  ASSERT_FALSE(writer.Flush());  // the thread has taken it
  for (int i = 0; i < 10'000; ++i) writer.Write("seventeen bytes.\n");
  writer.Write("has room\n");
  Drain();
  ASSERT_TRUE(writer.Flush());
  writer.Write("after\n");
  std::string expected = "under way\n";
  for (int i = 0; i < 5; ++i) expected += "seventeen bytes.\n";
  EXPECT_EQ(Got(), expected + "lost 9996: was not read\nafter\n");
}

TEST_F(LineWriterTest, ALossIsToldThoughNothingFollows) {
  LineWriter& writer = Make(100);
  FillPipe();
  for (int i = 0; i < 100; ++i) writer.Write("seventeen bytes.\n");
  Drain();
  EXPECT_TRUE(Got().ends_with(" was not read\n"));
}

TEST_F(LineWriterTest, NothingWaitsForAFullPipe) {
  LineWriter& writer = Make(100);
  FillPipe();
  const auto took = Took([&] {
    for (int i = 0; i < 10'000; ++i) writer.Write("123456789\n");
  });
  EXPECT_LT(took, std::chrono::milliseconds(500));
  EXPECT_LT(Took([&] { writer_.reset(); }), std::chrono::seconds(2));
}

// Poll calls a terminal ready that has room for a few bytes, and the write of a line then waits for the rest.
TEST_F(LineWriterTest, EndsThoughAWriteDoesNotReturn) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_TRUE(master >= 0 && ::grantpt(master) == 0 && ::unlockpt(master) == 0);
  const int terminal = ::open(::ptsname(master), O_RDWR | O_NOCTTY);
  ASSERT_GE(terminal, 0);
  auto writer = std::make_unique<LineWriter>(terminal, 1 << 20, Told);
  // More than a terminal holds. It takes what it can, and the thread stays in the write.
  for (int i = 0; i < 100; ++i) writer->Write(std::string(PIPE_BUF - 1, 'x') + "\n");
  ASSERT_FALSE(writer->Flush());
  EXPECT_LT(Took([&] { writer.reset(); }), std::chrono::seconds(2));
  ::close(master);  // ends the write
  ::close(terminal);
}

TEST_F(LineWriterTest, LinesOfTwoWritersOfAPipeAreNotTorn) {
  const std::string a(PIPE_BUF * 2 / 3, 'a'), b(PIPE_BUF * 2 / 3, 'b');
  std::istringstream lines([&] {
    LineWriter& writer = Make(1 << 20);
    LineWriter other(ends_[1], 1 << 20, Told);
    Drain();
    for (int i = 0; i < 100; ++i) {
      writer.Write(a + "\n");
      other.Write(b + "\n");
    }
    EXPECT_TRUE(other.Flush());
    return Got();
  }());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) ASSERT_TRUE(line == a || line == b) << line;
  EXPECT_EQ(count, 200);
}

TEST_F(LineWriterTest, ALineLongerThanAPipeArrivesWhole) {
  const std::string line(300'000, 'x');
  Make(1 << 20).Write(line + "\n");
  Drain();
  EXPECT_EQ(Got(), line + "\n");
}

TEST_F(LineWriterTest, TheLastLineGoesPastTheBound) {
  LineWriter& writer = Make(10);
  Drain();
  writer.WriteLast("longer than the bound\n");
  EXPECT_EQ(Got(), "longer than the bound\n");
}

TEST_F(LineWriterTest, AClosedPipeCostsLinesOnly) {
  LineWriter& writer = Make(1000);
  Drain();
  CloseWriteEnd();
  writer.Write("one\n");
  EXPECT_TRUE(writer.Flush());
  EXPECT_EQ(Got(), "");
}

TEST_F(LineWriterTest, AReaderThatWentAwayCostsLinesOnly) {
  LineWriter& writer = Make(1000);
  ::close(std::exchange(ends_[0], -1));
  writer.Write("one\n");
  EXPECT_TRUE(writer.Flush());
  EXPECT_LT(Took([&] { writer_.reset(); }), std::chrono::milliseconds(500));
}

TEST_F(LineWriterTest, NothingIsPutOutAfterTheEnd) {
  LineWriter& writer = Make(1000);
  FillPipe();
  writer.Write("late\n");
  writer_.reset();
  Drain();
  EXPECT_EQ(Got(), "");
}

// A file that may not grow stands for a full disk.
TEST(LineWriterFileTest, AFullDiskCostsLinesAndIsTold) {
  ::signal(SIGXFSZ, SIG_IGN);
  const testing::TempDir folder;
  const std::string path = folder.path() / "log";
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ASSERT_GE(fd, 0);
  rlimit saved{};
  ::getrlimit(RLIMIT_FSIZE, &saved);
  {
    LineWriter writer(fd, 1000, Told);
    const rlimit tight{8, saved.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &tight);
    writer.Write("one\n");
    ASSERT_TRUE(writer.Flush());
    writer.Write("second\n");
    ASSERT_TRUE(writer.Flush());
    writer.Write("third\n");
    ASSERT_TRUE(writer.Flush());
    ::setrlimit(RLIMIT_FSIZE, &saved);
    writer.Write("fourth\n");
  }
  ::close(fd);
  std::ifstream in(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}),
            "one\nseco\nlost 2: could not be written: File too large\nfourth\n");
}

}  // namespace
}  // namespace portcall::runtime
