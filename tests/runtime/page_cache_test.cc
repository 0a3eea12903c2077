#include "runtime/page_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace portcall::runtime {
namespace {

constexpr std::size_t kSize = 4 << 20;

class PageCacheTest : public ::testing::Test {
 protected:
  PageCacheTest() {
    const std::string text(kSize, 'x');
    std::fwrite(text.data(), 1, text.size(), file_.get());
    std::fflush(file_.get());
    ::fsync(fd());
    mapped_ = ::mmap(nullptr, kSize, PROT_READ, MAP_SHARED, fd(), 0);
    ::madvise(mapped_, kSize, MADV_RANDOM);
  }
  ~PageCacheTest() override { ::munmap(mapped_, kSize); }

  int fd() const { return ::fileno(file_.get()); }
  // The kernel's own word, page by page.
  bool Resident(std::size_t offset, std::size_t length) {
    std::vector<unsigned char> pages(kSize / 4096);
    if (::mincore(mapped_, kSize, pages.data()) != 0) throw std::runtime_error("mincore");
    const auto begin = pages.begin() + static_cast<std::ptrdiff_t>(offset / 4096);
    return std::all_of(begin, begin + static_cast<std::ptrdiff_t>(length / 4096), [](auto page) { return page & 1; });
  }
  bool SystemSaysNothing() const {
    char byte = 0;
    const iovec into{&byte, 1};
    return ::preadv2(fd(), &into, 1, 0, RWF_NOWAIT) < 0 && errno == EOPNOTSUPP;
  }

  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{std::tmpfile(), &std::fclose};
  void* mapped_ = nullptr;
};

TEST_F(PageCacheTest, KnowsWhatIsThereAndWhatIsNot) {
  if (SystemSaysNothing()) {
    EXPECT_NE(InPageCache(fd(), 0, kSize), Cached::kNo);
    return;
  }
  ASSERT_TRUE(Resident(0, kSize));
  EXPECT_EQ(InPageCache(fd(), 0, kSize), Cached::kYes);
  EXPECT_EQ(InPageCache(fd(), 4097, 100), Cached::kYes);
  EXPECT_EQ(InPageCache(fd(), 4095, 2), Cached::kYes);

  ::posix_fadvise(fd(), 0, 0, POSIX_FADV_DONTNEED);
  ::posix_fadvise(fd(), 0, 0, POSIX_FADV_RANDOM);  // no reading ahead
  ASSERT_FALSE(Resident(0, kSize));
  EXPECT_EQ(InPageCache(fd(), 0, kSize), Cached::kNo);

  char byte = 0;
  for (const std::size_t at : {std::size_t{0}, kSize - 1})
    ASSERT_EQ(::pread(fd(), &byte, 1, static_cast<off_t>(at)), 1);
  ASSERT_TRUE(Resident(0, 4096));
  EXPECT_EQ(InPageCache(fd(), 0, 4096), Cached::kYes);
  EXPECT_EQ(InPageCache(fd(), 0, kSize), Resident(0, kSize) ? Cached::kYes : Cached::kNo) << "the ends are there alone";

  constexpr std::size_t kHole = 128UL * 1024, kMiddle = kSize / 2;
  std::string rest(kMiddle, '\0');
  ASSERT_EQ(::pread(fd(), rest.data(), kMiddle, 0), static_cast<ssize_t>(kMiddle));
  const std::size_t behind = kMiddle + kHole;
  ASSERT_EQ(::pread(fd(), rest.data(), kSize - behind, static_cast<off_t>(behind)),
            static_cast<ssize_t>(kSize - behind));
  EXPECT_EQ(InPageCache(fd(), 0, kSize), Resident(0, kSize) ? Cached::kYes : Cached::kNo) << "a hole in the middle";
}

}  // namespace
}  // namespace portcall::runtime
