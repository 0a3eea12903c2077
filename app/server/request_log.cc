#include "app/server/request_log.h"

#include <algorithm>
#include <vector>

#include "runtime/time.h"

namespace portcall::app {
namespace {

std::string_view WhyCut(http::Exchange::End end) {
  switch (end) {
    case http::Exchange::End::kPeerGone:
      return "the client closed the connection before it had everything";
    case http::Exchange::End::kStalled:
      return "the client took nothing, or too little, for http.timeouts.stall";
    case http::Exchange::End::kGaveRoom:
      return "the client was too slow, while others waited for its place or its memory";
    case http::Exchange::End::kSourceFailed:
      return "the content could not be read to its end";
    default:
      return {};
  }
}

}  // namespace

void LogExchange(runtime::Log& log, const http::Exchange& exchange, const registry::RoutedRequest& routed) {
  const http::Request& request = exchange.request;
  const http::Response& response = exchange.response;
  const int status = exchange.status();
  const bool failed = status >= 400;
  const runtime::Level level = failed ? runtime::Level::kError : runtime::Level::kInfo;
  if (!log.Enabled(level)) return;
  std::vector<runtime::LogField> fields = routed.LogFields();
  const std::size_t of_handler = fields.size();
  fields.reserve(of_handler + 16);
  // The registry's value wins, such as the address of a client behind a trusted proxy.
  const auto add = [&](std::string_view key, std::string value) {
    const auto end = fields.begin() + static_cast<std::ptrdiff_t>(of_handler);
    if (std::find_if(fields.begin(), end, [&](const auto& f) { return f.key == key; }) != end) return;
    fields.push_back({key, std::move(value)});
  };
  const auto add_if_any = [&](std::string_view key, std::string_view value) {
    if (!value.empty()) add(key, std::string(value));
  };
  add_if_any("err.detail", WhyCut(exchange.end));
  add_if_any("http.request.contenttype", request.fields.Get("Content-Type"));
  add("http.request.host", std::string(request.fields.Get("Host")));
  add("http.request.id", request.id);
  add("http.request.method", request.method);
  add_if_any("http.request.referer", request.fields.Get("Referer"));
  add("http.request.remoteaddr", request.peer);
  add("http.request.uri", request.target);
  add("http.request.useragent", std::string(request.fields.Get("User-Agent")));
  add_if_any("http.response.contenttype", response.fields.Get("Content-Type"));
  add("http.response.duration", runtime::GoDuration(exchange.duration));
  add("http.response.status", std::to_string(status));
  add("http.response.written", std::to_string(exchange.written));
  if (of_handler > 0) {
    std::ranges::sort(fields, [](const auto& a, const auto& b) { return a.key < b.key; });
  }
  log.Write(level, failed ? "response completed with error" : "response completed", fields);
}

}  // namespace portcall::app
