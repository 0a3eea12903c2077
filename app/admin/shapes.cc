#include "app/admin/shapes.h"

#include <chrono>
#include <optional>

#include "app/admin/shape_parts.h"
#include "runtime/http/message.h"
#include "runtime/json.h"
#include "runtime/time.h"

namespace portcall::app {
namespace {

using broker::EndpointStatus;
using runtime::JsonWriter;

constexpr std::string_view kNull = "null";

void SecondsOrNull(JsonWriter& json, std::string_view key, std::optional<std::chrono::nanoseconds> age) {
  constexpr std::int64_t kPerSecond = 1'000'000'000;
  age ? json.Number(key, age->count() / kPerSecond) : json.Raw(key, kNull);
}

void Write(JsonWriter& json, const std::optional<broker::LastError>& error) {
  if (!error) return json.Raw("last_error", kNull);
  json.Begin("last_error");
  json.Text("error", error->text);
  json.Text("at", runtime::Rfc3339Nano(error->at));
  NumberOrNull(json, "status", error->status);
  json.Text("event", error->event);
  json.Number("attempt", error->attempt);
  json.End();
}

void WriteMembers(JsonWriter& json, const EndpointStatus& status) {
  json.Text("name", status.name);
  TextOrNull(json, "type", status.type);
  TextOrNull(json, "url", status.url);
  json.Text("state", WordOf(status.condition));
  TextOrNull(json, "reason", status.reason);
  TimeOrNull(json, "since", status.since);
  TextOrNull(json, "paused_by", !status.paused ? "" : status.paused_by_operator ? "operator" : "endpoint");
  json.Number("pending", status.pending);
  json.Flag("pending_is_estimate", status.pending_is_estimate);
  SecondsOrNull(json, "oldest_pending_seconds", status.oldest_pending);
  json.Number("delivered_last_minute", static_cast<std::int64_t>(status.delivered_last_minute));
  json.Number("in_flight", status.in_flight);
  json.Number("window", status.window);
  json.Number("parked_lanes", status.parked_lanes);
  json.Number("dead_letters", status.dead_letters);
  json.Text("breaker", broker::WordOf(status.breaker));
  TimeOrNull(json, "next_try", status.next_try.value_or(0));
  Write(json, status.last_error);
}

void WriteEvent(JsonWriter& json, const store::DeadLetter& dead) {
  if (dead.through != 0) {
    json.Raw("event", kNull);
    return;
  }
  json.Begin("event");
  WriteEventMembers(json, dead.event);
  json.End();
}

void WriteMembers(JsonWriter& json, const store::DeadLetter& dead) {
  json.Number("id", dead.id);
  json.Text("endpoint", dead.endpoint);
  json.Text("reason", dead.reason);
  json.Text("died_at", runtime::Rfc3339Nano(dead.died_at));
  json.Number("attempts", dead.attempts);
  json.Number("events", dead.events);
  json.Number("from_seq", dead.event.seq);
  json.Number("through_seq", dead.through != 0 ? dead.through : dead.event.seq);
  WriteEvent(json, dead);
}

}  // namespace

std::string EndpointsJson(const std::vector<EndpointStatus>& all) {
  return Object([&](JsonWriter& json) {
    json.BeginList("endpoints");
    for (const EndpointStatus& status : all) {
      json.Begin();
      WriteMembers(json, status);
      json.End();
    }
    json.EndList();
  });
}

std::string EndpointJson(const EndpointStatus& status, const EndpointStatus* orphan) {
  return Object([&](JsonWriter& json) {
    WriteMembers(json, status);
    if (orphan == nullptr) return json.Raw("orphan", kNull);
    json.Begin("orphan");
    WriteMembers(json, *orphan);
    json.End();
  });
}

std::string DeadLettersJson(const std::vector<store::DeadLetter>& letters, std::int64_t next) {
  return Object([&](JsonWriter& json) {
    json.BeginList("dead_letters");
    for (const store::DeadLetter& dead : letters) {
      json.Begin();
      WriteMembers(json, dead);
      json.End();
    }
    json.EndList();
    NumberOrNull(json, "next", next);
  });
}

std::string DeadLetterJson(const store::DeadLetter& dead) {
  return Object([&](JsonWriter& json) {
    WriteMembers(json, dead);
    TextOrNull(json, "answer", dead.answer);
    json.Number("earlier_deaths", dead.event.retrial ? static_cast<std::int64_t>(dead.event.retrial->seqs.size()) : 0);
  });
}

std::string EndedDeadJson(const broker::EndedDead& ended) {
  return Object([&](JsonWriter& json) {
    json.Number("done", ended.done);
    json.Number("looked_at", static_cast<std::int64_t>(ended.looked_at));
    json.BeginList("left");
    for (const auto& [id, reason, gone] : ended.left) {
      json.Begin();
      json.Number("id", id);
      json.Text("reason", reason);
      json.Flag("gone", gone);
      json.End();
    }
    json.EndList();
  });
}

int StatusOf(Errc code) {
  switch (code) {
    case Errc::kNotFound:
      return 404;
    case Errc::kInvalid:
      return 400;
    case Errc::kConflict:
      return 409;
    case Errc::kTooLarge:
      return 413;
    case Errc::kInternal:
      return 500;
    default:
      return 503;
  }
}

std::string ProblemJson(int status, std::string_view detail) {
  return Object([&](JsonWriter& json) {
    json.Text("type", "about:blank");
    json.Text("title", http::ReasonOf(status));
    json.Number("status", status);
    json.Text("detail", detail);
  });
}

}  // namespace portcall::app
