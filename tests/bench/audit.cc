// Records verified per second of one core, against a bare loop that reads the same files and hashes each line: audit
// FOLDER ROUNDS RECORDS. Rounds alternate, because machines have moods.
#include <fcntl.h>
#include <openssl/evp.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/bytes.h"
#include "sinks/audit/log/audit_log.h"
#include "sinks/audit/log/segments.h"
#include "sinks/audit/log/verify.h"

namespace portcall::sinks::audit {
namespace {

constexpr int kAtATime = 500;

store::EventPtr Sample(std::int64_t seq) {
  store::Event event;
  event.seq = seq;
  event.id = runtime::UuidV7();
  event.recorded_at = 1'790'000'000'000'000'000 + seq * 1'000;
  event.action = store::Action::kPush;
  event.kind = store::Kind::kTag;
  event.repository = "library/app-" + std::to_string(seq % 50);
  event.tag = "v1." + std::to_string(seq);
  event.digest = "sha256:" + std::string(64, 'a');
  event.media_type = "application/vnd.oci.image.manifest.v1+json";
  event.size = 1234;
  event.actor = "alice";
  store::Details details;
  details.request_id = event.id;
  details.request_addr = "10.1.2.3:54321";
  details.request_host = "registry.example.com";
  details.request_method = "PUT";
  details.request_useragent = "docker/27.3.1 go/go1.22.7 kernel/6.1 os/linux arch/amd64";
  details.source_addr = "registry-0:5000";
  details.source_instance = "0193f0a0-0000-7000-8000-000000000000";
  event.details = store::EncodeDetails(details);
  return std::make_shared<const store::Event>(std::move(event));
}

template <class T>
T Must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().detail);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

double Seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

// Both work on one thread, from the page cache; a neighbour's work must not count.
double CoreSeconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

void Fill(const std::filesystem::path& folder, std::int64_t records) {
  runtime::Log log({runtime::Level::kError, "text", {}});
  std::filesystem::create_directories(folder);
  auto key = std::make_shared<const SigningKey>(Must(SigningKey::Load(folder / kPrivateKey, "bench", true)));
  LogOptions options;
  options.folder = folder;
  options.source = "registry.example.com";
  const auto log_file = Must(AuditLog::Open(options, key, log));
  const auto begun = std::chrono::steady_clock::now();
  for (std::int64_t seq = 1; seq <= records; seq += kAtATime) {
    std::vector<store::EventPtr> events;
    for (std::int64_t i = seq; i < seq + kAtATime && i <= records; ++i) events.push_back(Sample(i));
    Must(log_file->Append(events));
    Must(log_file->Tick());
  }
  Must(log_file->End());
  std::printf("written: %.0f records/s, %d to a sync\n", static_cast<double>(records) / Seconds(begun), kAtATime);
}

// Nothing of Portcall's: read, find the line's end, hash.
class BareLoop {
 public:
  BareLoop() : algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()), buffer_(1 << 20) {}
  ~BareLoop() {
    EVP_MD_CTX_free(context_);
    EVP_MD_free(algorithm_);
  }
  BareLoop(const BareLoop&) = delete;
  BareLoop& operator=(const BareLoop&) = delete;

  std::int64_t Read(const std::filesystem::path& file) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) throw std::runtime_error("cannot open " + file.string());
    std::int64_t lines = 0;
    std::size_t filled = 0;
    for (;;) {
      const ssize_t n = ::read(fd, buffer_.data() + filled, buffer_.size() - filled);
      if (n <= 0) break;
      filled += static_cast<std::size_t>(n);
      const char* begin = buffer_.data();
      const char* const end = begin + filled;
      while (const void* found = std::memchr(begin, '\n', static_cast<std::size_t>(end - begin))) {
        const char* line_end = static_cast<const char*>(found);
        Hash(begin, static_cast<std::size_t>(line_end - begin));
        begin = line_end + 1;
        ++lines;
      }
      filled = static_cast<std::size_t>(end - begin);
      std::memmove(buffer_.data(), begin, filled);
    }
    ::close(fd);
    return lines;
  }

 private:
  void Hash(const char* bytes, std::size_t size) {
    unsigned char hash[32];
    EVP_DigestInit_ex2(context_, algorithm_, nullptr);
    EVP_DigestUpdate(context_, bytes, size);
    EVP_DigestFinal_ex(context_, hash, nullptr);
  }

  EVP_MD* algorithm_;
  EVP_MD_CTX* context_;
  std::vector<char> buffer_;
};

}  // namespace

int Main(int argc, char** argv) {
  const std::filesystem::path folder = std::filesystem::absolute(argc > 1 ? argv[1] : ".") / "bench-audit";
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  const std::int64_t records = argc > 3 ? std::atoll(argv[3]) : 1'000'000;
  std::filesystem::remove_all(folder);
  Fill(folder, records);
  const std::vector<Segment> segments = Must(ListSegments(folder));
  BareLoop bare;
  for (int round = 0; round <= rounds; ++round) {
    double begun = CoreSeconds();
    std::int64_t lines = 0;
    for (const Segment& segment : segments) lines += bare.Read(segment.file);
    const double bare_rate = static_cast<double>(lines) / (CoreSeconds() - begun);
    begun = CoreSeconds();
    VerifyOptions options;
    options.folder = folder;
    const VerifyReport report = Must(Verify(options));
    const double rate = static_cast<double>(report.records()) / (CoreSeconds() - begun);
    if (lines != records || !report.sound() || report.records() != static_cast<std::uint64_t>(records)) {
      throw std::runtime_error("the log is not what was written");
    }
    if (round == 0) continue;  // the page cache warms up
    std::printf("round %d: verify %.0f/s  bare %.0f/s  ratio %.3f\n", round, rate, bare_rate, rate / bare_rate);
    std::fflush(stdout);
  }
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace portcall::sinks::audit

int main(int argc, char** argv) { return portcall::sinks::audit::Main(argc, argv); }
