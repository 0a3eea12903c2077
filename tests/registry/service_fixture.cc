#include "tests/registry/service_fixture.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

namespace portcall::registry {

ServiceTest::ServiceTest() {
  runner_ = std::make_unique<portcall::testing::LoopRunner>();
  config_.http.secret = "a secret";
  config_.storage.delete_enabled = true;
  config_.http.headers = {{"X-Content-Type-Options", "nosniff"}};
  config_.http.trusted_proxies = {"127.0.0.0/8"};
  config_.events.pull = config::PullEvents::kDurable;
  Reopen(0);
}

void ServiceTest::Reopen(std::uint64_t reserve_bytes) {
  registry_.reset();
  blobs_.reset();
  if (store_) store_->Close();
  store_.reset();
  store::StoreOptions options;
  options.database = dir_.path() / "portcall.db";
  options.reserve_bytes = reserve_bytes;
  options.provocations.run_jobs_twice = true;
  options.provocations.hide_outcome = [this] { return hidden_.exchange(false); };
  auto store = store::Store::Open(options, pool_);
  if (!store) throw std::runtime_error(store.error().detail);
  store_ = std::move(*store);
  auto blobs =
      store::OpenFilesystem(dir_.path(), {pool_, hashing_}, store_->digest_locks(), {.reserve_bytes = reserve_bytes});
  if (!blobs) throw std::runtime_error(blobs.error().detail);
  blobs_ = std::move(*blobs);
  Restart();
}

ServiceTest::~ServiceTest() {
  // The loop last: the writer and the pool may still be waking what runs on it.
  LetHash();
  registry_.reset();
  store_->Close();
  pool_.join();
  hashing_.join();
  runner_.reset();
}

void ServiceTest::HoldHashing() {
  hold_.emplace();
  asio::post(hashing_, [until = hold_->get_future().share()] { until.wait(); });
}

void ServiceTest::LetHash() {
  if (hold_) hold_->set_value();
  hold_.reset();
}

void ServiceTest::Restart() {
  registry_.reset();
  registry_ = std::make_unique<Registry>(RegistryDeps{*store_,
                                                      *blobs_,
                                                      hashing_,
                                                      log_,
                                                      metrics_,
                                                      clock_,
                                                      "vm:5600",
                                                      "720941f0-542c-466c-9908-d779422bdd87",
                                                      {},
                                                      &budget_},
                                         std::make_shared<config::Config>(config_));
}

void ServiceTest::Reconfigure() { registry_->Apply(std::make_shared<config::Config>(config_)); }

Sent ServiceTest::Send(Ask ask) {
  FakeBody body(std::move(ask.body));
  body.chunked = ask.chunked;
  body.cut = ask.cut;
  http::Request request;
  request.method = std::move(ask.method);
  request.target = std::move(ask.target);
  request.peer = ask.peer_ip + ":" + ask.port;
  request.peer_ip = std::move(ask.peer_ip);
  request.id = runtime::UuidV4();
  request.body = &body;
  FakeAsker asker(std::move(ask.gone));
  request.asker = &asker;
  runtime::MemoryShare share(&budget_);
  request.memory = &share;
  for (auto& [name, value] : ask.fields) request.fields.Add(name, value);
  if (!request.fields.Has("Host")) request.fields.Add("Host", "127.0.0.1:5600");
  RoutedRequest routed = registry_->Read(request);
  Sent sent{runner_->Run(registry_->Handle(request, routed)), std::string(routed.handler()), {}};
  for (const runtime::LogField& field : routed.LogFields()) sent.log.emplace_back(field.key, field.value);
  return sent;
}

std::string ServiceTest::BodyOf(const http::Response& response) const {
  if (const auto* text = std::get_if<std::string>(&response.body)) return *text;
  if (const auto* shared = std::get_if<std::shared_ptr<const std::string>>(&response.body)) return **shared;
  const auto& range = std::get<http::FileRange>(response.body);
  std::string bytes(range.length, '\0');
  const ssize_t n = pread(range.fd, bytes.data(), bytes.size(), static_cast<off_t>(range.offset));
  EXPECT_EQ(n, static_cast<ssize_t>(range.length));
  return bytes;
}

store::Seq ServiceTest::Head() {
  return *store_->ReadNow([](store::Snapshot& s) -> Result<store::Seq> { return store::Head(s); });
}

std::vector<store::EventPtr> ServiceTest::EventsAfter(store::Seq seq) {
  using List = std::vector<store::EventPtr>;
  return *store_->ReadNow([seq](store::Snapshot& s) -> Result<List> {
    return store::ReadEvents(s, seq, store::Head(s), {100'000}).events;
  });
}

std::vector<store::EventPtr> ServiceTest::Events() { return EventsAfter(0); }

std::string ServiceTest::Said(const store::Event& event) {
  std::string text = std::string(store::NameOf(event.action)) + " " + std::string(store::NameOf(event.kind));
  if (!event.tag.empty()) text += " " + event.tag;
  return text;
}

std::vector<std::string> ServiceTest::SaidAfter(store::Seq seq) {
  std::vector<std::string> said;
  for (const auto& event : EventsAfter(seq)) said.push_back(Said(*event));
  return said;
}

std::string ServiceTest::PushBlob(const std::string& name, const std::string& bytes) {
  const std::string digest = Sha256(bytes);
  const auto response = Send(Ask("POST", "/v2/" + name + "/blobs/uploads/?digest=" + digest, bytes));
  EXPECT_EQ(response.status, 201) << BodyOf(response);
  return digest;
}

Sent ServiceTest::PutManifest(const std::string& name, const std::string& reference, const std::string& bytes,
                              const std::string& type) {
  return Send(Ask("PUT", "/v2/" + name + "/manifests/" + reference, bytes, {{"Content-Type", type}}));
}

std::string ServiceTest::ImageOf(const std::string& config, const std::vector<std::string>& layers,
                                 const std::string& more) {
  const auto descriptor = [](const char* type, const std::string& bytes) {
    return std::string(R"({"mediaType":")") + type + R"(","digest":")" + Sha256(bytes) + R"(","size":)" +
           std::to_string(bytes.size()) + "}";
  };
  std::string text = R"({"schemaVersion":2,"config":)" + descriptor("application/vnd.oci.image.config.v1+json", config);
  text += R"(,"layers":[)";
  for (const std::string& layer : layers) {
    if (&layer != &layers.front()) text += ',';
    text += descriptor("application/vnd.oci.image.layer.v1.tar", layer);
  }
  return text + "]" + more + "}";
}

std::string ServiceTest::PushImage(const std::string& name, const std::string& reference, const std::string& salt) {
  PushBlob(name, "{}" + salt);
  PushBlob(name, "layer" + salt);
  std::string image = ImageOf("{}" + salt, {"layer" + salt});
  const auto response = PutManifest(name, reference.empty() ? Sha256(image) : reference, image);
  EXPECT_EQ(response.status, 201) << BodyOf(response);
  return image;
}

std::string ServiceTest::StartUpload(const std::string& name) {
  const auto response = Send("POST", "/v2/" + name + "/blobs/uploads/");
  EXPECT_EQ(response.status, 202);
  return PathOf(Field(response, "Location"));
}

std::string PathOf(const std::string& location) {
  const std::size_t scheme = location.find("://");
  if (scheme == std::string::npos) return location;
  return location.substr(location.find('/', scheme + 3));
}

std::string CodesOf(const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object()) return "no document: " + body;
  std::string codes;
  for (const auto& error : json["errors"]) codes += (codes.empty() ? "" : ",") + error["code"].get<std::string>();
  return codes;
}

}  // namespace portcall::registry
