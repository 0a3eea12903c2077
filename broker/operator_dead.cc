#include <algorithm>
#include <map>
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

struct Slice {
  std::size_t looked_at = 0, bytes = 0;
  std::map<std::string, std::vector<store::DeadLetter>> ended;  // of each endpoint, without their bodies
  std::vector<std::pair<std::int64_t, std::string>> left;
};

std::string NoteOf(const std::string& endpoint, const std::vector<store::DeadLetter>& ended, std::string_view words) {
  const store::DeadLetter &first = ended.front(), &last = ended.back();
  std::string note = "endpoint " + endpoint + ": ";
  if (ended.size() == 1) {
    note += "dead letter " + std::to_string(first.id) + " (event " + first.event.id + ", " + first.reason + ") ";
  } else {
    note += std::to_string(ended.size()) + " dead letters (" + std::to_string(first.id) + " to " +
            std::to_string(last.id) + ") ";
  }
  return note.append(words);
}

std::int64_t LiveCursor(store::Snapshot& s, const std::string& endpoint) {
  const std::vector<store::Cursor> cursors = store::LoadCursors(s);
  const auto live = std::ranges::find_if(cursors, [&](const store::Cursor& cursor) {
    return cursor.kind == store::CursorKind::kLive && cursor.endpoint == endpoint;
  });
  return live == cursors.end() ? 0 : live->id;
}

}  // namespace

Result<EndedDead> OperatorActs::DropDead(DeadIds ids, const std::string& by) {
  const auto drop = [](store::Tx& tx, const store::DeadLetter& dead) {
    store::DropDead(tx, dead.id);
    return std::string();
  };
  return EndDead(ids, {store::Action::kDrop, "dropped", drop}, by);
}

Result<EndedDead> OperatorActs::RetryDead(DeadIds ids, const std::string& by) {
  const auto retry = [this](store::Tx& tx, const store::DeadLetter& dead) -> std::string {
    if (dead.through != 0) return "its events expired before they were sent: there is nothing left to send";
    const std::int64_t cursor = LiveCursor(store::ReadIn(tx), dead.endpoint);
    if (cursor == 0) return "endpoint " + dead.endpoint + " is not in use";
    store::RetryDead(tx, dead, cursor);
    return {};
  };
  if (sweeper_.full()) {
    return Error(Errc::kNoSpace, "the log is full, so nothing can be sent again: `endpoints list` shows who holds it");
  }
  return EndDead(ids, {store::Action::kReplay, "sent again", retry}, by);
}

// In its turn: a reload counts what is dead, and must know whether this is done.
Result<EndedDead> OperatorActs::EndDead(DeadIds ids, const WayToEnd& way, const std::string& by) {
  const ChangeTurns::Turn turn(turns_, ChangeTurns::kPatience);
  if (!turn) return ChangeTurns::Busy();
  const bool audited = Look().config->audits();
  EndedDead all;
  while (!ids.empty()) {
    auto job = [&](store::Tx& tx) -> Result<Slice> {
      Slice slice;
      while (slice.looked_at < std::min(ids.size(), kSliceLetters) && slice.bytes < kSliceBytes) {
        const std::int64_t id = ids[slice.looked_at++];
        auto dead = store::FindDead(store::ReadIn(tx), id);
        std::string stays = dead ? way.one(tx, *dead) : "no dead letter " + std::to_string(id);
        if (!stays.empty()) {
          slice.left.emplace_back(id, std::move(stays));
          continue;
        }
        slice.bytes += BytesOf(dead->event);
        dead->event.details.clear();
        dead->answer.clear();
        slice.ended[dead->endpoint].push_back(std::move(*dead));
      }
      for (const auto& [endpoint, ended] : slice.ended) {
        if (audited) store::Append(tx, store::SystemEvent(way.action, NoteOf(endpoint, ended, way.words), by));
      }
      return slice;
    };
    runtime::Failpoint("before-operator");
    // Who cannot be told whether it was done asks again, and learns which are gone.
    Result<Slice> slice = around_.store.WriteNow(job, store::Priority::kSettlement);
    if (!slice) {
      if (all.done == 0) return slice.error();
      return Error(slice.error().code, slice.error().detail + "; " + std::to_string(all.done) + " before that were " +
                                           std::string(way.words));
    }
    runtime::Failpoint("after-operator");
    calls_.On([&] {
      for (const auto& [endpoint, ended] : slice->ended) {
        if (EndpointRunner* runner = RunnerOf(endpoint)) runner->DeadTrimmed(static_cast<std::int64_t>(ended.size()));
      }
    });
    for (const auto& [endpoint, ended] : slice->ended) {
      all.done += static_cast<std::int64_t>(ended.size());
      around_.log.Info("dead letters were ended by an operator",
                       {{"what", NoteOf(endpoint, ended, way.words)}, {"by", by}});
    }
    std::ranges::move(slice->left, std::back_inserter(all.left));
    ids = ids.subspan(slice->looked_at);
  }
  return all;
}

}  // namespace portcall::broker
