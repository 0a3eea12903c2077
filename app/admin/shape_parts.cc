#include "app/admin/shape_parts.h"

#include "runtime/time.h"

namespace portcall::app {
namespace {

constexpr std::string_view kNull = "null";

}  // namespace

using runtime::JsonWriter;

void TextOrNull(JsonWriter& json, std::string_view key, std::string_view text) {
  text.empty() ? json.Raw(key, kNull) : json.Text(key, text);
}

void NumberOrNull(JsonWriter& json, std::string_view key, std::int64_t number) {
  number == 0 ? json.Raw(key, kNull) : json.Number(key, number);
}

void TimeOrNull(JsonWriter& json, std::string_view key, std::int64_t nanos) {
  nanos == 0 ? json.Raw(key, kNull) : json.Text(key, runtime::Rfc3339Nano(nanos));
}

void WriteEventMembers(JsonWriter& json, const store::Event& event) {
  json.Text("id", event.id);
  json.Number("seq", event.seq);
  json.Text("recorded_at", runtime::Rfc3339Nano(event.first_recorded_at()));
  json.Text("action", store::NameOf(event.action));
  json.Text("kind", store::NameOf(event.kind));
  TextOrNull(json, "source", event.source);
  TextOrNull(json, "repository", event.repository);
  TextOrNull(json, "tag", event.tag);
  TextOrNull(json, "digest", event.digest);
  TextOrNull(json, "media_type", event.media_type);
  TextOrNull(json, "actor", event.actor);
}

}  // namespace portcall::app
