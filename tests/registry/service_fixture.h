#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "registry/registry.h"
#include "runtime/bytes.h"
#include "store/blobs/fs/filesystem.h"
#include "store/catalog.h"
#include "store/event_log.h"
#include "store/store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/loop_runner.h"
#include "tests/support/temp_dir.h"

namespace portcall::registry {

// A body at hand, given out in pieces; chunked, or cut short, on demand.
class FakeBody final : public http::Body {
 public:
  explicit FakeBody(std::string bytes) : bytes_(std::move(bytes)) {}
  bool chunked = false;
  bool cut = false;  // ends with an error instead of an end
  std::size_t piece = 7;

  Task<Result<std::size_t>> Read(std::span<char> into) override {
    const std::size_t n = std::min({into.size(), bytes_.size() - at_, std::max<std::size_t>(piece, bytes_.size() / 8)});
    if (n == 0 && cut) co_return Error(Errc::kInvalid, "cut short");
    std::memcpy(into.data(), bytes_.data() + at_, n);
    at_ += n;
    co_return n;
  }
  std::optional<std::uint64_t> length() const override {
    if (chunked) return std::nullopt;
    return bytes_.size() + (cut ? 1 : 0);
  }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

struct Ask {
  using Fields = std::vector<std::pair<std::string, std::string>>;
  Ask(std::string m, std::string t, std::string b = {}, Fields f = {})
      : method(std::move(m)), target(std::move(t)), body(std::move(b)), fields(std::move(f)) {}
  std::string method, target, body;
  Fields fields;
  bool chunked = false, cut = false;
  std::stop_token gone = {};
  std::string peer_ip = "127.0.0.1", port = "4711";
};

inline std::string Sha256(std::string_view bytes) { return "sha256:" + runtime::HashHex("sha256", bytes); }
inline std::string Sha512(std::string_view bytes) { return "sha512:" + runtime::HashHex("sha512", bytes); }

class FakeAsker final : public http::Asker {
 public:
  explicit FakeAsker(std::stop_token gone) : gone_(std::move(gone)) {}
  std::stop_token Gone() override { return gone_; }

 private:
  const std::stop_token gone_;
};

// An answer with what logs and metrics say of it.
struct Sent : http::Response {
  std::string handler;
  std::vector<std::pair<std::string, std::string>> log;
};

// A registry over a real store and real blobs in a folder of its own, asked without a network.
class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest();
  ~ServiceTest() override;

  Sent Send(Ask ask);
  Sent Send(std::string method, std::string target) { return Send(Ask(std::move(method), std::move(target))); }
  std::string BodyOf(const http::Response& response) const;
  void Reconfigure();                        // applies `config`
  void Restart();                            // a new registry over the same store
  void Reopen(std::uint64_t reserve_bytes);  // a new registry over a new store over the same files

  void HideNextOutcome() { hidden_ = true; }  // of whatever the store writes next

  // Everything in the log, once what is relaxed has arrived.
  std::vector<store::EventPtr> Events();
  std::vector<store::EventPtr> EventsAfter(store::Seq seq);
  store::Seq Head();
  // "push blob", "delete tag v1", ...
  static std::string Said(const store::Event& event);
  std::vector<std::string> SaidAfter(store::Seq seq);

  // Pushes in one request each; the digest.
  std::string PushBlob(const std::string& name, const std::string& bytes);
  Sent PutManifest(const std::string& name, const std::string& reference, const std::string& bytes,
                   const std::string& type = kOciManifest);
  // An image whose blobs are pushed too; its manifest's bytes.
  std::string PushImage(const std::string& name, const std::string& reference, const std::string& salt = "");
  static std::string ImageOf(const std::string& config, const std::vector<std::string>& layers,
                             const std::string& more = {});
  std::string StartUpload(const std::string& name);  // its Location, without scheme and host

  static constexpr const char* kOciManifest = "application/vnd.oci.image.manifest.v1+json";
  static constexpr const char* kOciIndex = "application/vnd.oci.image.index.v1+json";

  std::atomic<bool> hidden_ = false;
  portcall::testing::TempDir dir_;
  portcall::testing::FakeClock clock_;
  runtime::Log log_{runtime::LogOptions{runtime::Level::kFatal, "text", {}}};
  runtime::Metrics metrics_;
  // All the threads of the lane that hashes again and takes large manifests apart wait until LetHash().
  void HoldHashing();
  void LetHash();

  runtime::MemoryBudget budget_{64 << 20};
  asio::thread_pool pool_{2}, hashing_{1};
  std::optional<std::promise<void>> hold_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::BlobStore> blobs_;
  std::unique_ptr<portcall::testing::LoopRunner> runner_;
  config::Config config_;
  std::unique_ptr<Registry> registry_;
};

// The first value of a field, or empty.
inline std::string Field(const http::Response& response, std::string_view name) {
  return std::string(response.fields.Get(name));
}
// The path and query of a Location.
std::string PathOf(const std::string& location);
// The codes of an error document, joined by commas.
std::string CodesOf(const std::string& body);

}  // namespace portcall::registry
