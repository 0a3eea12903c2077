#include "app/admin/event_shapes.h"

#include <algorithm>
#include <string_view>

#include "app/admin/shape_parts.h"
#include "runtime/time.h"

namespace portcall::app {
namespace {

using broker::EndpointStatus;
using broker::Fate;
using broker::Verdict;
using runtime::JsonWriter;

constexpr std::string_view kNull = "null";

void Write(JsonWriter& json, const std::vector<store::AttemptRow>& tries) {
  json.BeginList("tries");
  for (const store::AttemptRow& row : tries) {
    if (row.superseded()) continue;
    json.Begin();
    json.Text("at", runtime::Rfc3339Nano(row.at));
    json.Number("attempt", row.attempt);
    json.Flag("delivered", row.delivered);
    NumberOrNull(json, "status", row.status);
    json.Number("latency_us", row.latency_us);
    TextOrNull(json, "error", row.error);
    json.End();
  }
  json.EndList();
}

// What keeps the endpoint from sending now.
void WriteNow(JsonWriter& json, const Verdict& verdict, const std::vector<EndpointStatus>& now) {
  const auto found = std::ranges::find_if(now, [&](const EndpointStatus& status) {
    return status.name == verdict.endpoint && status.orphaned == verdict.removed;
  });
  const bool waits = verdict.fate == Fate::kPending || verdict.fate == Fate::kParked;
  if (found == now.end() || !waits) {
    json.Raw("state", kNull);
    json.Raw("state_reason", kNull);
    json.Raw("next_try", kNull);
    return;
  }
  json.Text("state", WordOf(found->condition));
  TextOrNull(json, "state_reason", found->reason);
  TimeOrNull(json, "next_try", found->next_try.value_or(0));
}

void Write(JsonWriter& json, const Verdict& verdict, const std::vector<EndpointStatus>& now) {
  json.Begin();
  json.Text("endpoint", verdict.endpoint);
  json.Flag("removed", verdict.removed);
  json.Text("verdict", WordOf(verdict.fate));
  TextOrNull(json, "detail", verdict.detail);
  TimeOrNull(json, "at", verdict.at);
  TimeOrNull(json, "until", verdict.until);
  json.Number("attempts", verdict.attempts);
  NumberOrNull(json, "status", verdict.status);
  verdict.fate == Fate::kDelivered ? json.Number("latency_us", verdict.latency_us) : json.Raw("latency_us", kNull);
  TextOrNull(json, "superseded_by", verdict.by);
  NumberOrNull(json, "behind_seq", verdict.behind);
  NumberOrNull(json, "dead_letter", verdict.dead_letter);
  TextOrNull(json, "answer", verdict.answer);
  WriteNow(json, verdict, now);
  Write(json, verdict.tries);
  json.End();
}

}  // namespace

std::string TraceJson(const broker::Trace& trace, const std::vector<EndpointStatus>& now) {
  return Object([&](JsonWriter& json) {
    json.Number("seq", trace.seq);
    if (trace.event) {
      json.Begin("event");
      WriteEventMembers(json, *trace.event);
      json.End();
    } else {
      json.Raw("event", kNull);
    }
    json.Flag("in_log", trace.in_log);
    TimeOrNull(json, "history_since", trace.history);
    json.BeginList("endpoints");
    for (const Verdict& verdict : trace.verdicts) Write(json, verdict, now);
    json.EndList();
  });
}

std::string EventsJson(const store::Portion& page, store::Seq next) {
  return Object([&](JsonWriter& json) {
    json.BeginList("events");
    for (const store::EventPtr& event : page.events) {
      json.Begin();
      WriteEventMembers(json, *event);
      json.End();
    }
    json.EndList();
    json.Number("looked_to", page.through);
    NumberOrNull(json, "next", next);
  });
}

std::string AttemptsJson(const store::AttemptsPage& page, const std::map<std::int64_t, std::string>& names) {
  return Object([&](JsonWriter& json) {
    json.BeginList("attempts");
    for (const auto& [id, cursor, row] : page.rows) {
      const auto name = names.find(cursor);
      json.Begin();
      json.Number("id", id);
      TextOrNull(json, "endpoint", name == names.end() ? std::string_view() : name->second);
      json.Text("at", runtime::Rfc3339Nano(row.at));
      json.Number("seq", row.seq);
      json.Number("events", row.events);
      json.Number("attempt", row.attempt);
      json.Flag("delivered", row.delivered);
      json.Flag("superseded", row.superseded() && !row.sent_again());
      NumberOrNull(json, "status", row.status);
      json.Number("latency_us", row.latency_us);
      TextOrNull(json, "error", row.error);
      json.End();
    }
    json.EndList();
    NumberOrNull(json, "next", page.looked_to);
  });
}

}  // namespace portcall::app
