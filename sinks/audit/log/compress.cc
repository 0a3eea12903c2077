#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>

#include "runtime/files.h"
#include "sinks/audit/log/plain_file.h"
#include "sinks/audit/log/segments.h"

namespace portcall::sinks::audit {
namespace {

constexpr std::size_t kBuffer = 256 << 10;
constexpr int kGzip = 16 + MAX_WBITS;
constexpr int kMemory = 8;

class Deflater {
 public:
  Deflater() {
    if (deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzip, kMemory, Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  ~Deflater() { deflateEnd(&stream_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  // Writes what comes of `bytes` at `offset` and moves it on.
  Result<void> Feed(std::span<char> bytes, bool last, const runtime::Fd& file, std::uint64_t& offset,
                    const std::filesystem::path& path) {
    stream_.next_in = reinterpret_cast<Bytef*>(bytes.data());
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
      stream_.avail_out = static_cast<uInt>(out_.size());
      deflate(&stream_, last ? Z_FINISH : Z_NO_FLUSH);
      const std::size_t n = out_.size() - stream_.avail_out;
      if (auto written = WriteAt(file, {out_.data(), n}, offset, path); !written) return written;
      offset += n;
    } while (stream_.avail_out == 0);
    return {};
  }

 private:
  z_stream stream_{};
  std::vector<char> out_ = std::vector<char>(kBuffer);
};

Result<void> Copy(const runtime::Fd& from, const Segment& segment, const runtime::Fd& to,
                  const std::filesystem::path& path) {
  Deflater deflater;
  std::vector<char> buffer(kBuffer);
  std::uint64_t read = 0;
  std::uint64_t written = 0;
  for (;;) {
    Result<std::size_t> n = ReadAt(from, buffer, read, segment.file);
    if (!n) return n.error();
    read += *n;
    if (auto fed = deflater.Feed({buffer.data(), *n}, *n == 0, to, written, path); !fed || *n == 0) return fed;
  }
}

}  // namespace

Result<void> Compress(const Segment& segment) {
  const std::filesystem::path packed = segment.file.string() + ".gz";
  const std::filesystem::path fresh = packed.string() + ".tmp";
  ::unlink(fresh.c_str());
  Result<runtime::Fd> from = OpenPlain(segment.file, O_RDONLY);
  if (!from) return from.error();
  struct stat status{};
  if (::fstat(from->get(), &status) != 0) return runtime::FileError(errno, "looking at", segment.file);
  Result<runtime::Fd> to = runtime::OpenFile(fresh, O_WRONLY | O_CREAT | O_EXCL, status.st_mode & 0777);
  if (!to) return to.error();
  Result<void> done = Copy(*from, segment, *to, fresh);
  // Retention goes by when the last record was written.
  const timespec times[2] = {status.st_atim, status.st_mtim};
  if (done && ::futimens(to->get(), times) != 0) done = runtime::FileError(errno, "dating", fresh);
  if (done && ::fsync(to->get()) != 0) done = runtime::FileError(errno, "syncing", fresh);
  if (done && ::rename(fresh.c_str(), packed.c_str()) != 0) done = runtime::FileError(errno, "renaming", fresh);
  if (!done) {
    ::unlink(fresh.c_str());
    return done;
  }
  if (auto synced = runtime::SyncFolder(segment.file.parent_path()); !synced) return synced;
  if (::unlink(segment.file.c_str()) != 0) return runtime::FileError(errno, "removing", segment.file);
  return {};
}

}  // namespace portcall::sinks::audit
