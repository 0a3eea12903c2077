#include <algorithm>
#include <chrono>
#include <iterator>
#include <string>
#include <vector>

#include "broker/operator_acts.h"
#include "runtime/failpoint.h"
#include "store/cursors.h"
#include "store/event_log.h"

// The part of OperatorActs that ends dead letters: for good, or by sending their events again.
namespace portcall::broker {
namespace {

// In one transaction: requests wait for it.
constexpr std::size_t kSliceLetters = 64, kSliceBytes = 1 << 20;
// Of one call: who asks waits for it, and so does a stop.
constexpr std::chrono::milliseconds kLongest(2'000);

std::string Named(const store::DeadLetter& dead) {
  const std::string what = dead.through == 0 ? "event " + dead.event.id + ", " : std::string();
  return "dead letter " + std::to_string(dead.id) + " (" + what + dead.reason + ")";
}

// Of the endpoint that the dead letter was of, whatever it is called now; where that is gone, of the one of its name.
// 0: of none.
std::int64_t LiveCursor(const std::vector<store::Cursor>& cursors, const store::DeadLetter& dead) {
  std::int64_t named = 0;
  for (const store::Cursor& cursor : cursors) {
    if (cursor.kind != store::CursorKind::kLive) continue;
    if (cursor.id == dead.cursor) return cursor.id;
    if (cursor.endpoint == dead.endpoint) named = cursor.id;
  }
  return named;
}

}  // namespace

std::string OperatorActs::NoteOf(const std::string& endpoint, const EndedOf& ended, std::string_view words) {
  std::string note = "endpoint " + endpoint + ": " + ended.first;
  if (ended.letters > 1) {
    note += " and " + std::to_string(ended.letters - 1) + " more up to " + std::to_string(ended.last);
  }
  return note.append(" ").append(words);
}

Result<EndedDead> OperatorActs::DropDead(DeadIds ids, const std::string& by) {
  const auto drop = [](store::Tx& tx, const store::DeadLetter& dead, const auto&) {
    store::DropDead(tx, dead.id);
    return std::string();
  };
  return EndDead(ids, {store::Action::kDrop, "dropped", drop}, by);
}

Result<EndedDead> OperatorActs::RetryDead(DeadIds ids, const std::string& by) {
  const auto retry = [](store::Tx& tx, const store::DeadLetter& dead, const auto& cursors) -> std::string {
    if (dead.through != 0) return "its events expired before they were sent: there is nothing left to send";
    const std::int64_t cursor = LiveCursor(cursors, dead);
    if (cursor == 0) return "endpoint " + dead.endpoint + " is not in use";
    store::RetryDead(tx, dead, cursor);
    return {};
  };
  if (sweeper_.full()) {
    return Error(Errc::kNoSpace, "the log is full, so nothing can be sent again: `endpoints list` shows who holds it");
  }
  return EndDead(ids, {store::Action::kReplay, "sent again", retry}, by);
}

// The first of them, as many as one transaction takes.
OperatorActs::Slice OperatorActs::EndSome(store::Tx& tx, DeadIds ids, const WayToEnd& way) {
  Slice slice;
  std::size_t bytes = 0;
  const std::vector<store::Cursor> cursors = store::LoadCursors(store::ReadIn(tx));
  while (slice.looked_at < std::min(ids.size(), kSliceLetters) && bytes < kSliceBytes) {
    const std::int64_t id = ids[slice.looked_at++];
    auto dead = store::FindDead(store::ReadIn(tx), id);
    if (dead) bytes += BytesOf(dead->event);
    std::string stays = dead ? way.one(tx, *dead, cursors) : "no dead letter " + std::to_string(id);
    if (!stays.empty()) {
      slice.left.push_back({id, std::move(stays), !dead});
      continue;
    }
    EndedOf& ended = slice.ended[dead->endpoint];
    if (ended.letters++ == 0) ended.first = Named(*dead);
    ended.last = id;
  }
  return slice;
}

// In its turn: a reload counts what is dead, and must know whether this is done.
Result<EndedDead> OperatorActs::EndDead(DeadIds ids, const WayToEnd& way, const std::string& by) {
  const ChangeTurns::Turn turn(turns_, ChangeTurns::kPatience);
  if (!turn) return ChangeTurns::Busy();
  const bool audited = Look().config->audits();
  EndedDead all;
  const auto until = std::chrono::steady_clock::now() + kLongest;
  while (all.looked_at < ids.size() && std::chrono::steady_clock::now() < until) {
    auto job = [&](store::Tx& tx) -> Result<Slice> {
      Slice slice = EndSome(tx, ids.subspan(all.looked_at), way);
      for (const auto& [endpoint, ended] : slice.ended) {
        if (audited) store::Append(tx, store::SystemEvent(way.action, NoteOf(endpoint, ended, way.words), by));
      }
      return slice;
    };
    runtime::Failpoint("before-operator");
    // Who cannot be told whether it was done asks again, and learns which are gone.
    Result<Slice> slice = around_.store.WriteNow(job, store::Priority::kSettlement);
    if (!slice && all.done == 0) return slice.error();
    if (!slice) {
      const std::string before = "; before that, " + std::to_string(all.done) + " were " + std::string(way.words);
      return Error(slice.error().code, slice.error().detail + before);
    }
    runtime::Failpoint("after-operator");
    calls_.On([&] {
      for (const auto& [endpoint, ended] : slice->ended) {
        if (EndpointRunner* runner = RunnerOf(endpoint)) runner->DeadTrimmed(ended.letters);
      }
    });
    for (const auto& [endpoint, ended] : slice->ended) {
      all.done += ended.letters;
      around_.log.Info("dead letters " + std::string(way.words) + " by an operator",
                       {{"endpoint", endpoint}, {"what", NoteOf(endpoint, ended, way.words)}, {"by", by}});
    }
    std::ranges::move(slice->left, std::back_inserter(all.left));
    all.looked_at += slice->looked_at;
  }
  return all;
}

}  // namespace portcall::broker
