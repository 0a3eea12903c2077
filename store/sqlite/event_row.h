#pragma once

#include "store/event.h"
#include "store/sqlite/statement.h"

namespace portcall::store {

// An event's columns stand in one order wherever rows hold one: seq, recorded_at, action, kind, size, source,
// repository, tag, id, digest, media_type, actor, details, retrial.
inline void ReadEvent(const Query& row, int first, Event& event) {
  event.seq = row.Int(first);
  event.recorded_at = row.Int(first + 1);
  event.action = static_cast<Action>(row.Int(first + 2));
  event.kind = static_cast<Kind>(row.Int(first + 3));
  event.size = row.Int(first + 4);
  event.source = row.Text(first + 5);
  event.repository = row.Text(first + 6);
  event.tag = row.Text(first + 7);
  event.id = row.Text(first + 8);
  event.digest = row.Text(first + 9);
  event.media_type = row.Text(first + 10);
  event.actor = row.Text(first + 11);
  event.details = row.Text(first + 12);
  event.retrial = DecodeRetrial(row.Text(first + 13));
}

}  // namespace portcall::store
