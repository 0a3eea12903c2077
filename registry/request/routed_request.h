#pragma once

#include <string_view>
#include <vector>

#include "registry/request/routes.h"
#include "registry/request/settings.h"
#include "runtime/log.h"

namespace portcall::registry {

// Where a request leads, under the settings that it is served with, and what there is to say of it afterwards. Logs and
// metrics learn it from here alone.
struct RoutedRequest {
  SettingsPtr settings;
  Route route;
  std::vector<runtime::LogField> notes;  // of the answer: err.code, err.detail, http.request.remoteaddr, ...

  // Distribution's name of the handler; empty when the path leads nowhere.
  std::string_view handler() const { return HandlerName(route.place); }
  // All fields of the request's line in the log: the notes, and what the route names as vars.*.
  std::vector<runtime::LogField> LogFields() const;
};

}  // namespace portcall::registry
