#include "runtime/http/response_head.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <iterator>

namespace portcall::http {
namespace {

void AppendNumber(std::string& out, std::uint64_t value) {
  char digits[20];
  const auto [end, ec] = std::to_chars(std::begin(digits), std::end(digits), value);
  out.append(digits, end);
}

void AppendStatusLine(std::string& out, int status, bool http10) {
  if (status == 200 && !http10) {
    out += "HTTP/1.1 200 OK\r\n";
    return;
  }
  out += http10 ? "HTTP/1.0 " : "HTTP/1.1 ";
  AppendNumber(out, static_cast<std::uint64_t>(status));
  out += ' ';
  out += ReasonOf(status);
  out += "\r\n";
}

void AppendText(std::string& out, std::string_view text) {
  const std::size_t start = out.size();
  out += text;
  // A name or value from outside must not be able to add a field.
  const auto breaks = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(), breaks, ' ');
}

bool IsOurs(std::string_view name) {
  switch (name.size()) {
    case 4:
      return EqualsIgnoreCase(name, "date");
    case 10:
      return EqualsIgnoreCase(name, "connection");
    case 14:
      return EqualsIgnoreCase(name, "content-length");
    case 17:
      return EqualsIgnoreCase(name, "transfer-encoding");
    default:
      return false;
  }
}

bool Bodiless(int status) { return status < 200 || status == 204 || status == 304; }

void AppendLength(std::string& out, const Response& response, bool to_head) {
  if (response.status < 200 || response.status == 204) return;
  if (to_head && !response.head_length) {
    if (const std::string_view length = response.fields.Get("Content-Length"); !length.empty()) {
      out += "Content-Length: ";
      AppendText(out, length);
      out += "\r\n";
      return;
    }
  }
  if (response.status == 304 && !response.head_length) return;
  const bool named = response.head_length && (to_head || response.status == 304);
  out += "Content-Length: ";
  AppendNumber(out, named ? *response.head_length : response.body_size());
  out += "\r\n";
}

}  // namespace

bool HasBody(const Response& response, bool to_head) { return !to_head && !Bodiless(response.status); }

void AppendHead(std::string& out, const Response& response, const HeadStyle& style) {
  AppendStatusLine(out, response.status, style.http10);
  for (const Fields::Field& field : response.fields.all()) {
    if (IsOurs(field.name)) continue;
    AppendText(out, field.name);
    out += ": ";
    AppendText(out, field.value);
    out += "\r\n";
  }
  out += "Date: ";
  out += HttpDate();
  out += "\r\n";
  AppendLength(out, response, style.to_head);
  if (!style.keep_alive) {
    out += "Connection: close\r\n";
  } else if (style.http10) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
}

std::string_view HttpDate() {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  thread_local std::time_t shown = -1;
  thread_local char text[64];
  thread_local std::size_t length = 0;
  if (const std::time_t now = std::time(nullptr); now != shown) {
    std::tm utc{};
    gmtime_r(&now, &utc);
    length = static_cast<std::size_t>(std::snprintf(text, sizeof text, "%s, %02d %s %d %02d:%02d:%02d GMT",
                                                    kDays[utc.tm_wday], utc.tm_mday, kMonths[utc.tm_mon],
                                                    utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec));
    shown = now;
  }
  return {text, length};
}

}  // namespace portcall::http
