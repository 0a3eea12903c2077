#include "app/admin/call.h"

#include <utility>

#include "app/admin/shapes.h"
#include "config/glob.h"
#include "runtime/http/url.h"
#include "runtime/text.h"
#include "runtime/time.h"

namespace portcall::app {

std::optional<std::string> Call::Find(std::string_view key) const {
  std::string value;
  return http::QueryValue(query, key, value) ? std::optional(std::move(value)) : std::nullopt;
}

std::optional<std::int64_t> Call::Number(std::string_view key, std::int64_t usual, std::int64_t least) const {
  const auto text = Find(key);
  if (!text) return usual;
  const auto number = runtime::ParseNumber<std::int64_t>(*text);
  return number && *number >= least ? number : std::nullopt;
}

std::function<bool()> ForSoLong(std::chrono::milliseconds patience) {
  return [until = std::chrono::steady_clock::now() + patience] { return std::chrono::steady_clock::now() < until; };
}

Result<std::string> Call::Glob(std::string_view key) const {
  const auto text = Find(key);
  if (!text) return std::string();
  const std::string bad = text->empty() ? "is empty" : config::WhyBadGlob(*text);
  if (!bad.empty()) return Error(Errc::kInvalid, std::string(key) + ": " + bad);
  return *text;
}

Result<std::int64_t> Call::Time(std::string_view key) const {
  const auto text = Find(key);
  if (!text) return std::int64_t{0};
  const auto time = runtime::ParseRfc3339(*text);
  if (!time) return Error(Errc::kInvalid, std::string(key) + " is no time such as 2026-01-31T08:00:00Z");
  return *time;
}

AdminAnswer Problem(int status, std::string detail) {
  return {status, std::string(kProblem), ProblemJson(status, detail), {}, std::move(detail)};
}
AdminAnswer Problem(const Error& error) { return Problem(StatusOf(error.code), error.detail); }
AdminAnswer Json(std::string body) { return {200, std::string(kJson), std::move(body), {}, {}}; }
AdminAnswer Done() { return {204, {}, {}, {}, {}}; }

}  // namespace portcall::app
