#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/capability.h"

namespace portcall::store {

// What is remembered of an endpoint beyond its cursors.
struct EndpointState {
  std::string name;
  bool paused = false;
  std::string reason;        // why it is paused
  std::string fingerprint;   // of its entry as it was last started: a changed one ends a pause that is no operator's
  bool by_operator = false;  // who paused it; that pause ends by an operator's word alone
  std::int64_t since = 0;    // ns since 1970: when it was paused or resumed; 0: not known
  bool operator==(const EndpointState&) const = default;
};
std::optional<EndpointState> FindEndpoint(Snapshot& s, std::string_view name);
void PutEndpoint(Tx& tx, const EndpointState& state);
// Has the commit write to the disk, and changes nothing: for who must know whether the disk answers.
void Touch(Tx& tx);

}  // namespace portcall::store
