// Texts: events' details, the envelopes they are sent in, lines of the log, ids.
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <cctype>
#include <cstring>
#include <iomanip>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <sstream>

#include "parts.h"
#include "runtime/bytes.h"
#include "runtime/json.h"
#include "runtime/log_format.h"
#include "runtime/time.h"
#include "sinks/formats/docker.h"
#include "store/event.h"

namespace portcall::bench {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;
using store::Details;

constexpr auto kReplace = Json::error_handler_t::replace;
constexpr std::array<std::pair<const char*, std::string Details::*>, 18> kTexts{
    {{"url", &Details::url},
     {"from_repository", &Details::from_repository},
     {"previous_digest", &Details::previous_digest},
     {"request_id", &Details::request_id},
     {"request_addr", &Details::request_addr},
     {"request_host", &Details::request_host},
     {"request_method", &Details::request_method},
     {"request_useragent", &Details::request_useragent},
     {"source_addr", &Details::source_addr},
     {"source_instance", &Details::source_instance},
     {"subject", &Details::subject},
     {"artifact_type", &Details::artifact_type},
     {"peer", &Details::peer},
     {"forwarded", &Details::forwarded},
     {"tls_subject", &Details::tls_subject},
     {"request_uri", &Details::request_uri},
     {"error_code", &Details::error_code},
     {"note", &Details::note}}};

Details Sample() {
  Details details;
  details.url = "https://registry.example.com/v2/library/app/manifests/sha256:" + std::string(64, 'a');
  details.request_id = "0193f0a0-0000-7000-8000-000000000001";
  details.request_addr = "10.1.2.3:54321";
  details.request_host = "registry.example.com";
  details.request_method = "PUT";
  details.request_useragent =
      "docker/27.3.1 go/go1.22.7 git-commit/41ca978 kernel/6.1.0 os/linux arch/amd64 "
      "UpstreamClient(Docker-Client/27.3.1 \\(linux\\))";
  details.source_addr = "registry-0:5000";
  details.source_instance = "0193f0a0-0000-7000-8000-000000000000";
  details.artifact_type = "application/vnd.oci.image.config.v1+json";
  return details;
}

store::EventPtr SampleEvent() {
  store::Event event;
  event.seq = 1;
  event.id = runtime::UuidV7();
  event.recorded_at = 1'790'000'000'123'456'789;
  event.kind = store::Kind::kTag;
  event.repository = "library/app";
  event.tag = "v1.2.3";
  event.digest = "sha256:" + std::string(64, 'a');
  event.media_type = "application/vnd.oci.image.manifest.v1+json";
  event.size = 1234;
  event.actor = "alice";
  event.details = EncodeDetails(Sample());
  return std::make_shared<const store::Event>(std::move(event));
}

// The library's events taken straight into the struct, without a document in between. As fast as it gets.
class DetailsHandler final : public nlohmann::json_sax<Json> {
 public:
  explicit DetailsHandler(Details& details) : details_(details) {}
  bool key(std::string& key) override {
    member_ = nullptr;
    for (const auto& [name, member] : kTexts) {
      if (key == name) member_ = member;
    }
    return true;
  }
  bool string(std::string& text) override {
    if (member_ != nullptr) details_.*member_ = std::move(text);
    return true;
  }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(std::int64_t) override { return true; }
  bool number_unsigned(std::uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool binary(Json::binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  Details& details_;
  std::string Details::* member_ = nullptr;
};

Details DecodeByDocument(std::string_view text) {
  Details details;
  Json json = Json::parse(text, nullptr, false);
  for (const auto& [name, member] : kTexts) {
    if (const auto found = json.find(name); found != json.end() && found->is_string()) {
      details.*member = std::move(found->get_ref<std::string&>());
    }
  }
  return details;
}

Details DecodeByEvents(std::string_view text) {
  Details details;
  DetailsHandler handler(details);
  Json::sax_parse(text, &handler);
  return details;
}

std::string EncodeByLibrary(const Details& details) {
  OrderedJson json = OrderedJson::object();
  for (const auto& [name, member] : kTexts) {
    if (!(details.*member).empty()) json.emplace(name, details.*member);
  }
  return json.dump(-1, ' ', false, kReplace);
}

// What DockerEnvelopeV1 writes of an event that has all these members; decoded alike, so that the writing differs.
std::string EnvelopeByLibrary(const store::Event& event) {
  const Details details = store::DecodeDetails(event.details);
  OrderedJson json = {{"events",
                       {{{"id", event.id},
                         {"timestamp", runtime::Rfc3339Nano(event.recorded_at)},
                         {"action", store::NameOf(event.action)},
                         {"target",
                          {{"mediaType", event.media_type},
                           {"size", event.size},
                           {"digest", event.digest},
                           {"length", event.size},
                           {"repository", event.repository},
                           {"url", details.url},
                           {"tag", event.tag}}},
                         {"request",
                          {{"id", details.request_id},
                           {"addr", details.request_addr},
                           {"host", details.request_host},
                           {"method", details.request_method},
                           {"useragent", details.request_useragent}}},
                         {"actor", {{"name", event.actor}}},
                         {"source", {{"addr", details.source_addr}, {"instanceID", details.source_instance}}}}}}};
  // A pair in braces could be an array as well.
  json["events"][0]["actor"] = OrderedJson::object({{"name", event.actor}});
  return json.dump(3, ' ', false, kReplace);
}

const std::vector<runtime::LogField>& LogFields() {
  static const std::vector<runtime::LogField> fields{
      {"http.request.host", "registry.example.com"},
      {"http.request.id", "0193f0a0-0000-7000-8000-000000000001"},
      {"http.request.method", "GET"},
      {"http.request.remoteaddr", "10.1.2.3:54321"},
      {"http.request.uri", "/v2/library/app/manifests/latest"},
      {"http.request.useragent", "docker/27.3.1 go/go1.22.7 git-commit/41ca978 kernel/6.1.0 os/linux arch/amd64"},
      {"http.response.contenttype", "application/vnd.oci.image.manifest.v1+json"},
      {"http.response.duration", "1.234567ms"},
      {"http.response.status", "200"},
      {"http.response.written", "1234"},
      {"vars.name", "library/app"},
      {"vars.reference", "latest"}};
  return fields;
}
constexpr std::string_view kTime = "2026-09-22T08:30:00.123456789Z";
constexpr std::string_view kMessage = "response completed";

std::string LineByUs(const std::string& formatter) {
  runtime::LogOptions options;
  options.formatter = formatter;
  options.fields = {{"service", "registry"}};
  return runtime::FormatLine(options, kTime, runtime::Level::kInfo, kMessage, LogFields());
}

// The general order of keys: a field may stand twice, and one of the line's own names may be taken.
std::map<std::string_view, std::string_view> Sorted() {
  std::map<std::string_view, std::string_view> sorted{{"service", "registry"}};
  for (const runtime::LogField& field : LogFields()) sorted.insert_or_assign(field.key, field.value);
  return sorted;
}

std::string TextLineByLibrary() {
  constexpr auto plain = [](unsigned char c) { return std::isalnum(c) != 0 || std::strchr("-._/@^+", c) != nullptr; };
  std::ostringstream line;
  line << "time=" << std::quoted(kTime) << " level=" << NameOf(runtime::Level::kInfo)
       << " msg=" << std::quoted(kMessage);
  for (const auto& [key, value] : Sorted()) {
    line << ' ' << key << '=';
    if (std::ranges::all_of(value, plain)) {
      line << value;
    } else {
      line << std::quoted(value);
    }
  }
  line << '\n';
  return std::move(line).str();
}

std::string JsonLineByLibrary() {
  Json json = Sorted();
  json["time"] = kTime;
  json["level"] = NameOf(runtime::Level::kInfo);
  json["msg"] = kMessage;
  return json.dump(-1, ' ', false, kReplace) + '\n';
}

std::string StringByUs(std::string_view text) {
  std::string out;
  runtime::AppendJsonString(out, text, runtime::JsonSpelling::kGo);
  return out;
}

template <class F>
std::function<std::size_t()> Once(F work) {
  return [work] {
    Use(work());
    return 1;
  };
}

std::string IdByBoost() {
  thread_local boost::uuids::random_generator generator;
  return boost::uuids::to_string(generator());
}

std::string IdByOpenSsl() {
  boost::uuids::uuid id;
  if (RAND_bytes(id.data, sizeof id.data) != 1) throw std::runtime_error("OpenSSL has no random bytes");
  id.data[6] = (id.data[6] & 0x0f) | 0x40;
  id.data[8] = (id.data[8] & 0x3f) | 0x80;
  return boost::uuids::to_string(id);
}

}  // namespace

std::vector<Part> TextParts() {
  const store::EventPtr event = SampleEvent();
  const std::span<const store::EventPtr> events(&event, 1);
  const Details details = Sample();
  const std::string stored = event->details;
  const std::string agent = details.request_useragent;
  Expect(EncodeByLibrary(details) == stored, "details");
  Expect(EncodeDetails(DecodeByDocument(stored)) == stored && EncodeDetails(DecodeByEvents(stored)) == stored,
         "details");
  Expect(EnvelopeByLibrary(*event) == sinks::DockerEnvelopeV1(events), "envelopes");
  Expect(StringByUs(agent) == Json(agent).dump(), "strings");
  Expect(LineByUs("text") == TextLineByLibrary() && LineByUs("json") == JsonLineByLibrary(), "lines of the log");
  const auto ours = Once([stored] { return store::DecodeDetails(stored); });
  const auto envelope = [event] { return sinks::DockerEnvelopeV1(std::span(&event, 1)); };
  return {{"details decoded", "nlohmann's document", kPays, ours, Once([stored] { return DecodeByDocument(stored); })},
          {"details decoded", "nlohmann's events", kPays, ours, Once([stored] { return DecodeByEvents(stored); })},
          {"details encoded", "nlohmann's dump", kPays, Once([details] { return store::EncodeDetails(details); }),
           Once([details] { return EncodeByLibrary(details); })},
          {"docker envelope written", "nlohmann's dump", kPays, Once(envelope),
           Once([event] { return EnvelopeByLibrary(*event); })},
          {"string escaped as Go does", "nlohmann's dump", 0, Once([agent] { return StringByUs(agent); }),
           Once([agent] { return Json(agent).dump(-1, ' ', false, kReplace); })},
          {"line of the log, text", "ostringstream", 0, Once([] { return LineByUs("text"); }), Once(TextLineByLibrary)},
          {"line of the log, json", "nlohmann's dump", kPays, Once([] { return LineByUs("json"); }),
           Once(JsonLineByLibrary)},
          {"random id", "Boost's random_generator", kPays, Once(runtime::UuidV4), Once(IdByBoost)},
          {"random id", "OpenSSL's bytes for each, Boost's text", kPays, Once(runtime::UuidV4), Once(IdByOpenSsl)},
          {"ordered id", "Boost's random_generator", 0, Once(runtime::UuidV7), Once(IdByBoost)}};
}

}  // namespace portcall::bench
