#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "runtime/bytes.h"
#include "store/blobs/blob_store.h"
#include "store/digest_locks.h"
#include "tests/support/loop_runner.h"
#include "tests/support/temp_dir.h"

namespace portcall::store {

// What any driver of blobs must do stands in this folder, written against the public headers alone. A driver joins by a
// line in drivers.cc.
struct Driver {
  std::string name;
  // Over a folder of its own. With `no_room` it refuses what would write.
  std::function<Result<std::unique_ptr<BlobStore>>(const std::filesystem::path& folder, asio::thread_pool& pool,
                                                   DigestLocks& locks, bool no_room)>
      open;
};
inline void PrintTo(const Driver& driver, std::ostream* out) { *out << driver.name; }
const std::vector<Driver>& Drivers();

inline Digest DigestOf(std::string_view bytes, const std::string& algorithm = "sha256") {
  return *Digest::Parse(algorithm + ":" + runtime::HashHex(algorithm, bytes));
}

// Blobs, and short ways to use them from the test's thread.
class BlobsFixture : public ::testing::Test {
 protected:
  virtual Result<std::unique_ptr<BlobStore>> Opened(bool no_room) = 0;
  void SetUp() override { Reopen(); }

  void Reopen(bool no_room = false) {
    blobs_.reset();
    Result<std::unique_ptr<BlobStore>> opened = Opened(no_room);
    ASSERT_TRUE(opened) << opened.error().detail;
    blobs_ = *std::move(opened);
  }
  template <class T>
  T Run(Task<T> task) {
    return runner_.Run(std::move(task));
  }
  Result<void> Start(const std::string& uuid) { return Run(blobs_->StartUpload("acme/app", uuid)); }
  Result<std::uint64_t> Append(const std::string& uuid, std::string_view bytes) {
    return Run(blobs_->Append("acme/app", uuid, {bytes.data(), bytes.size()}));
  }
  Result<std::uint64_t> Size(const std::string& uuid) { return Run(blobs_->UploadSize("acme/app", uuid)); }
  Result<std::uint64_t> Commit(const std::string& uuid, const Digest& digest, Result<void> rows = {}) {
    auto commit = [this, rows](std::uint64_t size) -> Task<Result<void>> {
      committed_size_ = size;
      co_return rows;
    };
    return Run(blobs_->Commit("acme/app", uuid, digest, commit, {}));
  }
  // All of it, read as the registry would; of what the client fetches itself, "elsewhere".
  std::string BytesOf(const BlobContent& content) {
    std::string bytes(SizeOf(content), '\0');
    if (const auto* file = std::get_if<BlobFile>(&content)) {
      EXPECT_EQ(::pread(file->fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    } else if (const auto* stream = std::get_if<BlobStream>(&content)) {
      for (std::size_t at = 0; at < bytes.size();) {
        const Result<std::size_t> read = Run(stream->read(at, std::span(bytes).subspan(at)));
        EXPECT_TRUE(read && *read > 0);
        if (!read || *read == 0) break;
        at += *read;
      }
    } else {
      return "elsewhere";
    }
    return bytes;
  }
  std::string ContentOf(const Digest& digest) {
    const Result<BlobContent> content = Run(blobs_->Read(digest));
    return content ? BytesOf(*content) : "none";
  }

  testing::TempDir dir_;
  DigestLocks locks_;
  testing::LoopRunner runner_;  // outlives the pool, which wakes callers on it
  asio::thread_pool pool_{2};
  std::unique_ptr<BlobStore> blobs_;
  std::uint64_t committed_size_ = 0;
};

}  // namespace portcall::store
