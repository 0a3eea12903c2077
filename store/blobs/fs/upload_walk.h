#pragma once

#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <optional>
#include <vector>

#include "store/blobs/blob_store.h"

namespace portcall::store {

// Goes through repositories/<name>/_uploads/<uuid>, a piece at a time on the pool. An upload began when its `startedat`
// says, else when its folder was last changed. Folders that cannot be read are passed over.
class FsUploadWalk final : public UploadWalk {
 public:
  FsUploadWalk(std::filesystem::path repositories, asio::thread_pool& pool)
      : repositories_(std::move(repositories)), pool_(pool) {}
  Task<Result<std::optional<std::vector<FoundUpload>>>> Next() override;

 private:
  struct Folder {
    std::filesystem::directory_iterator place;
    std::filesystem::path path;
  };
  std::optional<std::vector<FoundUpload>> Piece();
  void Enter(const std::filesystem::path& folder);
  std::optional<FoundUpload> Look(const std::filesystem::directory_entry& entry, const Folder& in);

  const std::filesystem::path repositories_;
  asio::thread_pool& pool_;
  bool begun_ = false;
  std::vector<Folder> open_;  // from repositories_ down to where the walk is
};

}  // namespace portcall::store
