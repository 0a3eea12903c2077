#include "broker/core/lane_change.h"

#include <algorithm>

#include "broker/core/lane.h"

namespace portcall::broker {
namespace {

Laning LaningOf(LaneKey::Kind kind) {
  switch (kind) {
    case LaneKey::Kind::kStrict:
      return Laning::kStrict;
    case LaneKey::Kind::kTag:
      return Laning::kTag;
    case LaneKey::Kind::kSingle:
      return Laning::kNone;
    case LaneKey::Kind::kRepository:
      break;
  }
  return Laning::kRepository;
}

int FinenessOf(Laning laning) {
  switch (laning) {
    case Laning::kStrict:
      return 0;
    case Laning::kRepository:
      return 1;
    case Laning::kTag:
      return 2;
    case Laning::kNone:
      break;
  }
  return 3;
}

}  // namespace

bool IsSmaller(LaneKey::Kind kind, Laning laning) { return FinenessOf(LaningOf(kind)) > FinenessOf(laning); }

std::optional<LaneChange> ChangeOf(const std::vector<store::ParkedLane>& rows, Laning laning,
                                   store::Seq settled_through) {
  LaneChange change{laning, settled_through};
  for (const store::ParkedLane& row : rows) {
    const LaneKey::Kind kind = LaneKey::Parse(row.lane).kind;
    if (IsSmaller(kind, change.old)) change.old = LaningOf(kind);
    // A row beyond the cursor tells what is settled before its event, and whether that was tried.
    const bool tried = row.attempts > 0 || row.started;
    change.through = std::max(change.through, tried ? row.next_seq : row.next_seq - 1);
  }
  if (change.old == laning) return std::nullopt;
  return change;
}

}  // namespace portcall::broker
