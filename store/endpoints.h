#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/capability.h"

namespace portcall::store {

// What is remembered of an endpoint beyond its cursors.
struct EndpointState {
  std::string name;
  bool paused = false;
  std::string reason;       // why it is paused
  std::string fingerprint;  // of its entry as it was last started, or paused: a changed entry resumes
};
std::optional<EndpointState> FindEndpoint(Snapshot& s, std::string_view name);
void PutEndpoint(Tx& tx, const EndpointState& state);
// Has the commit write to the disk, and changes nothing: for who must know whether the disk answers.
void Touch(Tx& tx);

}  // namespace portcall::store
