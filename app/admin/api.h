#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/control.h"
#include "store/store.h"

namespace portcall::app {

// The API itself, without HTTP's bytes: a request's words in, an answer out. What it can do is one table, which
// openapi.json describes. Blocks, for the broker's loop and the store; any thread that is no loop.

struct AdminSources {
  broker::Control& broker;
  store::Store& store;
};

struct AdminRequest {
  std::string method, target;      // as in http::Request
  std::string content_type, body;  // of the body; both may be empty
  std::string by;                  // who asks, for the audit log
};

struct AdminAnswer {
  int status = 200;
  std::string type;  // of the content
  std::string body;
  std::string allow;    // of a 405: the methods that the path takes
  std::string problem;  // why not, in a line; empty: it was done
};

// One line of the table. {name} and {id} in a path stand for one segment, percent-encoded.
struct AdminRoute {
  std::string_view method, path, operation;
  std::span<const std::string_view> query;  // the keys that it takes
  bool takes_body = false;
};
std::vector<AdminRoute> AdminRoutes();
std::string_view AdminDocument();  // openapi.json

AdminAnswer Refusal(const Error& why);
AdminAnswer AnswerTo(const AdminSources& sources, const AdminRequest& request);

}  // namespace portcall::app
