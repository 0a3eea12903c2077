#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "registry/request/call.h"
#include "runtime/result.h"
#include "runtime/task.h"
#include "store/digest.h"

namespace portcall::registry {

// Uploads of one repository, from their start to the blob. The caller holds an upload in `busy` while it changes it.
// All references must stay valid until the task has ended.

// A new upload's id; its file is there, and purging will know of it.
Task<Result<std::string>> StartUpload(Call& call);

struct Received {
  std::uint64_t size = 0;     // of the upload, afterwards
  std::optional<Error> body;  // what ended the reading, other than the body's end
};
// Appends the request's body to an upload that holds `offset` bytes. Unless `keep_part`, a body that breaks off leaves
// nothing behind. Fails when the store does.
Task<Result<Received>> ReceiveBody(Call& call, const std::string& uuid, std::uint64_t offset, bool keep_part);

// Verifies the digest, makes the upload a blob of the repository, with its event, and returns the blob's size.
// kInvalid: the content has another digest, and the upload is gone.
Task<Result<std::uint64_t>> FinishUpload(Call& call, const std::string& uuid, const store::Digest& digest);

Task<Result<void>> DropUpload(const Core& core, const std::string& repository, const std::string& uuid);

// Links a blob of `from` (empty: of anywhere) into the repository, with its event; false when there is none.
Task<Result<bool>> MountBlob(Call& call, const store::Digest& digest, const std::string& from);

}  // namespace portcall::registry
