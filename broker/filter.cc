#include "broker/filter.h"

#include <algorithm>
#include <set>
#include <utility>

namespace portcall::broker {

Filter::Filter(const config::Endpoint& endpoint) {
  for (const std::string& name : endpoint.ignore_actions) {
    if (const auto action = store::ActionOf(name)) ignored_actions_.set(static_cast<std::size_t>(*action));
  }
  ignored_types_.insert(endpoint.ignore_media_types.begin(), endpoint.ignore_media_types.end());
  fingerprint_ = ignored_actions_.to_string();
  for (const std::string& type : std::set<std::string>(ignored_types_.begin(), ignored_types_.end())) {
    fingerprint_ += '\n' + type;
  }
}

Filter::Filter(std::string fingerprint) : fingerprint_(std::move(fingerprint)) {
  std::string_view rest = fingerprint_;
  const auto line = [&rest] {
    const std::string_view first = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), first.size() + 1));
    return std::string(first);
  };
  const std::string actions = line();
  for (std::size_t i = 0; i < std::min(actions.size(), ignored_actions_.size()); ++i) {
    ignored_actions_.set(i, actions[actions.size() - 1 - i] == '1');
  }
  while (!rest.empty()) ignored_types_.insert(line());
}

}  // namespace portcall::broker
