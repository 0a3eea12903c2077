#pragma once

#include <bitset>
#include <string>
#include <unordered_set>

#include "config/config.h"
#include "store/event.h"

namespace portcall::broker {

// Which events an endpoint wants: `ignore.actions` or `ignore.mediatypes` keep one out. Compiled once; looks at columns
// only, so that an event's body need not be decoded to be passed over.
class Filter {
 public:
  Filter() = default;
  explicit Filter(const config::Endpoint& endpoint);
  // The filter that has this fingerprint.
  explicit Filter(std::string fingerprint);

  bool Wants(const store::Event& event) const {
    if (ignored_actions_[static_cast<std::size_t>(event.action)]) return false;
    // A delete names no media type, so that rule cannot keep it out.
    return ignored_types_.empty() || event.action == store::Action::kDelete || !IgnoresType(event.media_type);
  }

  // Equal for filters that want the same events.
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  bool IgnoresType(const std::string& media_type) const { return ignored_types_.contains(media_type); }
  std::bitset<8> ignored_actions_;
  std::unordered_set<std::string> ignored_types_;
  std::string fingerprint_;
};

}  // namespace portcall::broker
