#include "app/server/access_log.h"

#include <ctime>

#include "runtime/text.h"

namespace portcall::app {
namespace {

// What a client sent must not break out of its quotes or its line.
void AppendQuoted(std::string& line, std::string_view text) {
  line += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (runtime::IsControl(c)) {
      line += "\\x";
      runtime::AppendHex(line, static_cast<unsigned char>(c));
    } else {
      line += c;
    }
  }
  line += '"';
}

}  // namespace

std::string_view CombinedTime(runtime::WallTime time) {
  thread_local std::time_t known = -1;
  thread_local char text[40];
  thread_local std::size_t length = 0;
  const std::time_t second = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  if (second != known) {
    tm parts{};
    localtime_r(&second, &parts);
    length = std::strftime(text, sizeof text, "%d/%b/%Y:%H:%M:%S %z", &parts);
    known = second;
  }
  return {text, length};
}

std::string CombinedLine(const http::Exchange& exchange) {
  const http::Request& request = exchange.request;
  std::string line;
  line.reserve(128 + request.target.size());
  line.append(request.peer_ip).append(" - - [").append(CombinedTime(request.received)).append("] ");
  std::string first;
  first.reserve(request.method.size() + request.target.size() + exchange.protocol.size() + 2);
  first.append(request.method).append(" ").append(request.target).append(" ").append(exchange.protocol);
  AppendQuoted(line, first);
  line.append(" ").append(std::to_string(exchange.status()));
  line.append(" ").append(std::to_string(exchange.written)).append(" ");
  AppendQuoted(line, request.fields.Get("Referer"));
  line += ' ';
  AppendQuoted(line, request.fields.Get("User-Agent"));
  return line;
}

}  // namespace portcall::app
