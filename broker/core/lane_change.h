#pragma once

#include <optional>
#include <vector>

#include "broker/core/lane_key.h"
#include "store/cursors.h"

namespace portcall::broker {

// An endpoint's lanes have grown by a change of `order` or `collapse`, while rows of the smaller ones are left
// (docs/delivery.md §5): events go by the old lanes up to a place, and none beyond it is read until those are empty.
struct LaneChange {
  Laning old = Laning::kRepository;
  store::Seq through = 0;
};

// Whether a lane of this kind is smaller than those of `laning`.
bool IsSmaller(LaneKey::Kind kind, Laning laning);

// What the rows of a cursor ask for; nullopt: all of them are of lanes that are as large as those of `laning`.
std::optional<LaneChange> ChangeOf(const std::vector<store::ParkedLane>& rows, Laning laning,
                                   store::Seq settled_through);

}  // namespace portcall::broker
