#include "broker/filter.h"

#include <set>

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

}  // namespace portcall::broker
