#pragma once

#include <bitset>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "config/config.h"
#include "store/event.h"

namespace portcall::broker {

// Which events an endpoint wants: what `only` names and `ignore` does not, and of CI systems what a route fits. Without
// `only.actions` the actions that are recorded for the audit log alone go to no other endpoint. Compiled once; looks at
// columns first, so that an event's body need not be decoded to be passed over. Immutable: any thread may ask.
//
// Rules on repositories, tags and media types let every event of the system pass, since it has none of them. Rules on
// media types let every delete and every refused request pass.
class Filter {
 public:
  Filter() = default;  // wants everything
  // `cursor`: whose it is. What was appended again for that one is wanted, whatever the rules say, and what was for
  // others is not; 0: none of either.
  explicit Filter(const config::Endpoint& endpoint, std::int64_t cursor = 0);
  // The filter that has this fingerprint; also one that an earlier version wrote.
  explicit Filter(std::string fingerprint, std::int64_t cursor = 0);

  bool Wants(const store::Event& event) const {
    if (event.retrial) return event.retrial->cursor == cursor_;
    if (ignored_actions_[static_cast<std::size_t>(event.action)]) return false;
    if (ignored_kinds_[static_cast<std::size_t>(event.kind)]) return false;
    return simple_ || WantsRest(event);
  }

  // The rule that keeps the event out, as the configuration names it (only.tags, ignore.actions, images); empty where
  // it is wanted. Of several, the first that Wants asks.
  std::string_view WhyNot(const store::Event& event) const;

  // Equal for filters that want the same events.
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  using Globs = std::vector<std::string>;
  using Names = std::unordered_set<std::string>;

  void ReadRule(std::string_view rule);
  void Compile();
  void Write();
  bool WantsRest(const store::Event& event) const { return WhyNotRest(event).empty(); }
  std::string_view WhyNotRest(const store::Event& event) const;
  std::string_view WhyNotType(const store::Event& event) const;
  std::string_view WhyNotNamed(const store::Event& event) const;

  std::int64_t cursor_ = 0;
  std::bitset<store::kActions> ignored_actions_;
  std::bitset<store::kKinds> ignored_kinds_;
  bool simple_ = true;  // action and kind say it all
  bool images_only_ = false, charts_ = false;
  Names only_types_, ignored_types_;
  Globs only_repositories_, ignored_repositories_, routes_;
  Globs only_tags_, ignored_tags_, only_actors_, ignored_actors_;
  std::string fingerprint_;
};

}  // namespace portcall::broker
