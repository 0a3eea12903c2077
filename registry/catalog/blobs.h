#pragma once

#include <cstdint>
#include <string>

#include "registry/deps.h"
#include "registry/model/origin.h"
#include "registry/model/reference.h"
#include "registry/recording/events.h"
#include "runtime/result.h"
#include "runtime/task.h"

namespace portcall::registry {

class Recorder;

using store::BlobContent;
using store::BlobFile;
using store::BlobRedirect;
using store::BlobStream;
using store::SizeOf;

// Blobs as repositories link them: each change is one transaction with its event. Callable from any loop. All
// references must stay valid until the task has ended; errors are the store's or the blob store's.
class Blobs {
 public:
  Blobs(const RegistryDeps& deps, Recorder& recorder) : deps_(deps), recorder_(recorder) {}

  // The content of a blob that is linked in the repository; kNotFound otherwise. No event: whoever passes it on calls
  // Pulled first.
  Task<Result<BlobContent>> Read(const std::string& repository, const Digest& digest);
  // Records that the blob, or a part of it, is given out. Fails for durable events only, and then it must not be.
  Task<Result<void>> Pulled(const OriginPtr& origin, const EventRules& rules, const std::string& repository,
                            const Digest& digest, std::uint64_t size);
  // Links a blob of the repository `from` into the repository; false when that does not link it, as where nobody is
  // named: who may push here need not be allowed to read what lies elsewhere.
  Task<Result<bool>> Mount(const OriginPtr& origin, const std::string& repository, const Digest& digest,
                           const std::string& from);
  // Takes the blob out of this repository; other repositories, and the file, keep it. False when it was not there.
  Task<Result<bool>> Delete(const OriginPtr& origin, const std::string& repository, const Digest& digest);

 private:
  Task<Result<bool>> HasFile(const Digest& digest);

  const RegistryDeps& deps_;
  Recorder& recorder_;
};

}  // namespace portcall::registry
