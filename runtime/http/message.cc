#include "runtime/http/message.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>

namespace portcall::http {
namespace {

constexpr std::pair<int, std::string_view> kReasons[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Request Entity Too Large"},
    {415, "Unsupported Media Type"},
    {416, "Requested Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Entity"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

}  // namespace

bool IsToken(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return runtime::IsAlphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool IsFraming(std::string_view name) {
  constexpr std::array<std::string_view, 8> kNames{
      "host", "content-length", "transfer-encoding", "connection", "trailer", "upgrade", "expect", "te"};
  return std::ranges::any_of(kNames, [&](std::string_view ours) { return EqualsIgnoreCase(name, ours); });
}

void Fields::Set(std::string_view name, std::string value) {
  const auto same = [&](const Field& f) { return EqualsIgnoreCase(f.name, name); };
  const auto first = std::find_if(fields_.begin(), fields_.end(), same);
  if (first == fields_.end()) {
    fields_.push_back({std::string(name), std::move(value)});
    return;
  }
  first->value = std::move(value);
  fields_.erase(std::remove_if(first + 1, fields_.end(), same), fields_.end());
}

std::string_view Fields::Get(std::string_view name) const {
  for (const Field& f : fields_) {
    if (EqualsIgnoreCase(f.name, name)) return f.value;
  }
  return {};
}

bool Fields::Has(std::string_view name) const {
  return std::any_of(fields_.begin(), fields_.end(), [&](const Field& f) { return EqualsIgnoreCase(f.name, name); });
}

std::vector<std::string_view> Fields::All(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const Field& f : fields_) {
    if (EqualsIgnoreCase(f.name, name)) values.push_back(f.value);
  }
  return values;
}

Task<Result<std::string>> ReadAll(Body& body, std::size_t limit, runtime::MemoryShare* share) {
  constexpr std::chrono::seconds kRoomPatience{2};
  constexpr std::size_t kStep = 64UL * 1024;  // at first, whatever is announced; doubled as bytes come
  const std::optional<std::uint64_t> length = body.length();
  if (length && *length > limit) co_return Error(Errc::kTooLarge, "the body is larger than " + std::to_string(limit));
  std::string whole;
  std::size_t filled = 0;
  while (true) {
    // One byte more than announced, or than there may be, so that the end is seen without another growth.
    const std::size_t most =
        std::min<std::uint64_t>(length.value_or(limit), std::numeric_limits<std::size_t>::max() - 1) + 1;
    if (filled == whole.size()) {
      const std::size_t next = std::min(most, std::max(kStep, 2 * filled));
      if (share != nullptr && next > kStep + 1 && !co_await runtime::GrowInTime(*share, next, kRoomPatience)) {
        co_return runtime::MemoryBudget::Refusal();
      }
      whole.resize(next);
    }
    const Result<std::size_t> n = co_await body.Read(std::span(whole).subspan(filled));
    if (!n) co_return n.error();
    if (*n == 0) break;
    filled += *n;
    if (filled > limit) co_return Error(Errc::kTooLarge, "the body is larger than " + std::to_string(limit));
  }
  whole.resize(filled);
  co_return std::move(whole);
}

std::string_view Request::path() const { return std::string_view(target).substr(0, target.find('?')); }

std::string_view Request::query() const {
  const std::size_t mark = target.find('?');
  return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

std::uint64_t Response::body_size() const {
  switch (body.index()) {
    case 0:
      return std::get<0>(body).size();
    case 1:
      return std::get<1>(body) ? std::get<1>(body)->size() : 0;
    case 2:
      return std::get<2>(body).length;
    default:
      return std::get<3>(body).length;
  }
}

std::string_view ReasonOf(int status) {
  const auto found = std::lower_bound(std::begin(kReasons), std::end(kReasons), status,
                                      [](const auto& known, int wanted) { return known.first < wanted; });
  return found != std::end(kReasons) && found->first == status ? found->second : "Unknown";
}

}  // namespace portcall::http
