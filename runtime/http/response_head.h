#pragma once

#include <string>
#include <string_view>

#include "runtime/http/message.h"

namespace portcall::http {

struct HeadStyle {
  bool to_head = false;    // the request was HEAD
  bool http10 = false;     // the client speaks 1.0
  bool keep_alive = true;  // what Connection will say
};

// Whether a body follows the head: not for HEAD, nor for 1xx, 204 and 304.
bool HasBody(const Response& response, bool to_head);

// The status line and the fields up to the blank line. Date, Connection, Content-Length and Transfer-Encoding are the
// server's: the handler's are left out, but for a Content-Length that answers HEAD. Line breaks in values become
// spaces.
void AppendHead(std::string& out, const Response& response, const HeadStyle& style);

// IMF-fixdate of this second; the view is good until the next call on the same thread.
std::string_view HttpDate();

}  // namespace portcall::http
