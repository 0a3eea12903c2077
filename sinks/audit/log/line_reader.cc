#include <fcntl.h>
#include <zlib.h>

#include <cstring>

#include "runtime/files.h"
#include "sinks/audit/log/plain_file.h"
#include "sinks/audit/log/segments.h"

namespace portcall::sinks::audit {
namespace {

constexpr std::size_t kBuffer = 1 << 20;
constexpr std::size_t kCompressedBuffer = 256 << 10;
constexpr std::size_t kLongestLine = 16 << 20;  // no record of ours comes near it
constexpr int kGzip = 16 + MAX_WBITS;

}  // namespace

// Bytes before compression, from the file's beginning or an offset.
struct LineReader::Source {
  Source(runtime::Fd opened, const Segment& segment, std::uint64_t from)
      : file(std::move(opened)), path(segment.file), compressed(segment.compressed), offset(from) {
    if (!compressed) return;
    packed.resize(kCompressedBuffer);
    if (inflateInit2(&stream, kGzip) != Z_OK) throw std::bad_alloc();
  }
  ~Source() {
    if (compressed) inflateEnd(&stream);
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  // 0: the end, or `trouble`.
  std::size_t Read(char* into, std::size_t size, std::string& trouble) {
    return compressed ? Inflate(into, size, trouble) : Plain(into, size, trouble);
  }

  std::size_t Plain(char* into, std::size_t size, std::string& trouble) {
    const Result<std::size_t> n = ReadAt(file, {into, size}, offset, path);
    failed = !n;
    if (failed) trouble = n.error().detail;
    if (n) offset += *n;
    return n ? *n : 0;
  }

  std::size_t Inflate(char* into, std::size_t size, std::string& trouble) {
    stream.next_out = reinterpret_cast<Bytef*>(into);
    stream.avail_out = static_cast<uInt>(size);
    while (stream.avail_out == size) {
      if (stream.avail_in == 0) {
        const std::size_t n = Plain(packed.data(), packed.size(), trouble);
        stream.next_in = reinterpret_cast<Bytef*>(packed.data());
        stream.avail_in = static_cast<uInt>(n);
      }
      if (complete) {
        if (stream.avail_in != 0 && trouble.empty()) trouble = "bytes follow the compressed data";
        return 0;
      }
      if (stream.avail_in == 0) {
        if (trouble.empty()) trouble = "the compressed data ends in the middle";
        return 0;
      }
      const int result = inflate(&stream, Z_NO_FLUSH);
      complete = result == Z_STREAM_END;
      if (result != Z_OK && !complete) {
        trouble = std::string("the compressed data is damaged: ") + (stream.msg != nullptr ? stream.msg : "no gzip");
        return size - stream.avail_out;
      }
    }
    return size - stream.avail_out;
  }

  runtime::Fd file;
  std::filesystem::path path;
  bool compressed, complete = false, failed = false;
  std::uint64_t offset;  // in the file
  std::vector<char> packed;
  z_stream stream{};
};

LineReader::LineReader(std::unique_ptr<Source> source, std::uint64_t offset)
    : source_(std::move(source)), buffer_(kBuffer), offset_(offset) {}
LineReader::LineReader(LineReader&&) noexcept = default;
LineReader& LineReader::operator=(LineReader&&) noexcept = default;
LineReader::~LineReader() = default;

Result<LineReader> LineReader::Open(const Segment& segment, std::uint64_t offset) {
  Result<runtime::Fd> file = OpenPlain(segment.file, O_RDONLY);
  if (!file && file.error().code == Errc::kNotFound && !segment.compressed && offset == 0) {
    const Segment packed{segment.first, true, segment.file.string() + ".gz"};
    if (Result<LineReader> lines = Open(packed)) return lines;
  }
  if (!file) return file.error();
  ::posix_fadvise(file->get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return LineReader(std::make_unique<Source>(std::move(*file), segment, offset), offset);
}

std::uint64_t LineReader::bytes_read() const { return source_->offset; }

// More bytes after those that are left; false: there are none.
bool LineReader::Fill() {
  if (!trouble_.empty()) return false;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) {
    if (buffer_.size() >= kLongestLine) {
      trouble_ = "a line is longer than any record";
      return false;
    }
    buffer_.resize(buffer_.size() * 2);
  }
  const std::size_t n = source_->Read(buffer_.data() + end_, buffer_.size() - end_, trouble_);
  end_ += n;
  return n > 0;
}

LineReader::Got LineReader::Next(std::string_view& line) {
  std::size_t searched = begin_;
  for (;;) {
    const char* start = buffer_.data() + begin_;
    const void* found = std::memchr(buffer_.data() + searched, '\n', end_ - searched);
    if (found != nullptr) {
      line = {start, static_cast<std::size_t>(static_cast<const char*>(found) - start)};
      begin_ += line.size() + 1;
      offset_ += line.size() + 1;
      return Got::kLine;
    }
    const std::size_t left = end_ - begin_;
    if (Fill()) {
      searched = begin_ + left;
      continue;
    }
    if (!trouble_.empty()) return source_->failed ? Got::kFailed : Got::kDamaged;
    line = {buffer_.data() + begin_, end_ - begin_};
    return line.empty() ? Got::kEnd : Got::kUnfinished;
  }
}

}  // namespace portcall::sinks::audit
