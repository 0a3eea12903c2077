// Records verified per second of one core, against a bare loop that reads the same files and hashes each line: audit
// FOLDER ROUNDS RECORDS. With a fourth argument, `checkpoints`: each record has a checkpoint of its own; how many are
// verified, against as many bare signatures, and against a tenth of them. Rounds alternate, because machines have
// moods.
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
#include <utility>
#include <vector>

#include "runtime/bytes.h"
#include "runtime/files.h"
#include "sinks/audit/log/audit_log.h"
#include "sinks/audit/log/merkle.h"
#include "sinks/audit/log/note.h"
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

void Check(bool good) {
  if (!good) throw std::runtime_error("the log is not what was written");
}

// Replaces the log's checkpoints by one for each of its records.
void CoverEachRecord(const std::filesystem::path& folder) {
  const SigningKey key = Must(SigningKey::Load(folder / kPrivateKey, "bench", false));
  std::string notes;
  Hashing hashing;
  Tree tree;
  for (const Segment& segment : Must(ListSegments(folder))) {
    LineReader lines = Must(LineReader::Open(segment));
    std::string_view line;
    while (lines.Next(line) == LineReader::Got::kLine) {
      tree.Append(hashing, hashing.Leaf(line));
      const Checkpoint covered{"bench", tree.size(), tree.Root(hashing)};
      notes += (notes.empty() ? "" : "\n") + key.Sign(covered.Text());
    }
  }
  Must(runtime::ReplaceFile(folder / kCheckpoints, notes));
}

// Signatures as OpenSSL gets them, with all else prepared.
class BareSignatures {
 public:
  explicit BareSignatures(std::size_t count) : count_(count), key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")) {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    std::size_t size = sizeof signature_;
    Check(EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key_) == 1 &&
          EVP_DigestSign(context, signature_, &size, text_, sizeof text_) == 1);
    EVP_MD_CTX_free(context);
  }
  ~BareSignatures() { EVP_PKEY_free(key_); }
  BareSignatures(const BareSignatures&) = delete;
  BareSignatures& operator=(const BareSignatures&) = delete;

  void Verify() const {
    for (std::size_t i = 0; i < count_; ++i) {
      EVP_MD_CTX* context = EVP_MD_CTX_new();
      Check(EVP_DigestVerifyInit(context, nullptr, nullptr, nullptr, key_) == 1 &&
            EVP_DigestVerify(context, signature_, sizeof signature_, text_, sizeof text_) == 1);
      EVP_MD_CTX_free(context);
    }
  }

 private:
  std::size_t count_;
  EVP_PKEY* key_;
  unsigned char text_[64] = {};  // about as long as a checkpoint
  unsigned char signature_[64] = {};
};

// How many times a second of one core `work` could be done for each of `count` things.
template <class F>
double Rate(std::int64_t count, F work) {
  const double begun = CoreSeconds();
  work();
  return static_cast<double>(count) / (CoreSeconds() - begun);
}

VerifyReport VerifyWhole(const std::filesystem::path& folder, std::int64_t records) {
  VerifyOptions options;
  options.folder = folder;
  VerifyReport report = Must(Verify(options));
  Check(report.sound() && report.records() == static_cast<std::uint64_t>(records));
  return report;
}

void MeasureRecords(const std::filesystem::path& folder, int rounds, std::int64_t records) {
  Fill(folder, records);
  const std::vector<Segment> segments = Must(ListSegments(folder));
  BareLoop bare;
  for (int round = 0; round <= rounds; ++round) {
    const double bare_rate = Rate(records, [&] {
      std::int64_t lines = 0;
      for (const Segment& segment : segments) lines += bare.Read(segment.file);
      Check(lines == records);
    });
    const double rate = Rate(records, [&] { VerifyWhole(folder, records); });
    if (round == 0) continue;  // the page cache warms up
    std::printf("round %d: verify %.0f/s  bare %.0f/s  ratio %.3f\n", round, rate, bare_rate, rate / bare_rate);
    std::fflush(stdout);
  }
}

void MeasureCheckpoints(const std::filesystem::path& folder, int rounds, std::int64_t checkpoints) {
  const std::int64_t few = checkpoints / 10;
  for (const auto& [part, count] : {std::pair{folder / "many", checkpoints}, std::pair{folder / "few", few}}) {
    Fill(part, count);
    CoverEachRecord(part);
  }
  const BareSignatures bare(static_cast<std::size_t>(few));
  for (int round = 1; round <= rounds; ++round) {
    const auto verify = [&](const char* part, std::int64_t count) {
      return Rate(count,
                  [&] { Check(VerifyWhole(folder / part, count).checkpoints == static_cast<std::uint64_t>(count)); });
    };
    const double bare_rate = Rate(few, [&] { bare.Verify(); });
    const double few_rate = verify("few", few);
    const double many_rate = verify("many", checkpoints);
    std::printf("round %d: many %.0f/s  few %.0f/s  bare %.0f/s\n", round, many_rate, few_rate, bare_rate);
    std::fflush(stdout);
  }
}

}  // namespace

int Main(int argc, char** argv) {
  const std::filesystem::path folder = std::filesystem::absolute(argc > 1 ? argv[1] : ".") / "bench-audit";
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  const std::int64_t records = argc > 3 ? std::atoll(argv[3]) : 1'000'000;
  std::filesystem::remove_all(folder);
  if (argc > 4 && std::string_view(argv[4]) == "checkpoints") {
    MeasureCheckpoints(folder, rounds, records);
  } else {
    MeasureRecords(folder, rounds, records);
  }
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace portcall::sinks::audit

int main(int argc, char** argv) { return portcall::sinks::audit::Main(argc, argv); }
