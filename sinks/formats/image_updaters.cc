#include "sinks/formats/image_updaters.h"

#include <nlohmann/json.hpp>

#include "runtime/json.h"
#include "runtime/time.h"
#include "sinks/facts.h"

namespace portcall::sinks {
namespace {

using Json = nlohmann::ordered_json;

std::string Text(const Json& body) { return runtime::Dump(body); }

std::int64_t SecondsOf(const store::Event& event) { return event.first_recorded_at() / 1'000'000'000; }

// All registries that are emulated here have repositories of a namespace and a name, which may have more slashes.
struct Parts {
  std::string space, name;
};
Parts PartsOf(const std::string& repository) {
  const auto slash = repository.find('/');
  if (slash == std::string::npos) return {"", repository};
  return {repository.substr(0, slash), repository.substr(slash + 1)};
}

std::string HostOf(const store::Event& event, std::string_view source) { return FactOf(event, source, "source"); }

// The image's name without what of it was pushed.
std::string NameWithHost(const store::Event& event, std::string_view source) {
  const std::string host = HostOf(event, source);
  return host.empty() ? event.repository : host + '/' + event.repository;
}

std::string_view HarborType(store::Action action) {
  switch (action) {
    case store::Action::kPull:
      return "PULL_ARTIFACT";
    case store::Action::kDelete:
      return "DELETE_ARTIFACT";
    default:
      return "PUSH_ARTIFACT";
  }
}

}  // namespace

std::string Harbor(const store::Event& event, std::string_view source) {
  const Parts parts = PartsOf(event.repository);
  const Json resource{{"digest", event.digest}, {"tag", event.tag}, {"resource_url", ImageOf(event, source)}};
  return Text({{"type", HarborType(event.action)},
               {"occur_at", SecondsOf(event)},
               {"operator", event.actor.empty() ? "anonymous" : event.actor},
               {"event_data",
                {{"resources", Json::array({resource})},
                 {"repository",
                  {{"date_created", SecondsOf(event)},
                   {"name", parts.name},
                   {"namespace", parts.space},
                   {"repo_full_name", event.repository},
                   {"repo_type", "private"}}},
                 {"custom_attributes", Json::object()}}}});
}

std::string DockerHub(const store::Event& event, std::string_view source) {
  const Parts parts = PartsOf(event.repository);
  return Text({{"callback_url", ""},
               {"push_data",
                {{"pushed_at", SecondsOf(event)},
                 {"pusher", event.actor},
                 {"tag", event.tag},
                 {"images", Json::array()},
                 {"media_type", event.media_type}}},
               {"repository",
                {{"status", "Active"},
                 {"repo_name", event.repository},
                 {"name", parts.name},
                 {"namespace", parts.space},
                 {"owner", parts.space},
                 {"repo_url", "https://" + NameWithHost(event, source)},
                 {"is_official", false},
                 {"is_private", true}}}});
}

std::string Quay(const store::Event& event, std::string_view source) {
  const Parts parts = PartsOf(event.repository);
  const std::string name = NameWithHost(event, source);
  Json tags = Json::array();
  if (!event.tag.empty()) tags.push_back(event.tag);
  return Text({{"name", parts.name},
               {"repository", event.repository},
               {"namespace", parts.space},
               {"docker_url", name},
               {"homepage", "https://" + name},
               {"updated_tags", std::move(tags)}});
}

std::string Acr(const store::Event& event, std::string_view source) {
  const store::Details details = store::DecodeDetails(event.details);
  // Keel joins this host and the repository to the image's name: the Host that the pushing client sent will not do.
  const std::string host = HostOf(event, source);
  return Text({{"id", event.id},
               {"timestamp", runtime::Rfc3339Nano(event.first_recorded_at())},
               {"action", store::NameOf(event.action)},
               {"target",
                {{"mediaType", event.media_type},
                 {"size", event.size},
                 {"digest", event.digest},
                 {"length", event.size},
                 {"repository", event.repository},
                 {"tag", event.tag}}},
               {"request",
                {{"id", details.request_id},
                 {"host", host.empty() ? details.request_host : host},
                 {"method", details.request_method},
                 {"useragent", details.request_useragent}}}});
}

std::string Keel(const store::Event& event, std::string_view source) {
  return Text({{"name", NameWithHost(event, source)}, {"tag", event.tag}});
}

}  // namespace portcall::sinks
