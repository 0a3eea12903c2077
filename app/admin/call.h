#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "app/admin/api.h"

namespace portcall::app {

// For those who serve a line of the API's table.

constexpr std::string_view kJson = "application/json", kProblem = "application/problem+json";
constexpr std::int64_t kUsualPage = 100, kLargestPage = 1'000;

// A request for one line of the table, taken apart.
struct Call {
  const AdminSources& sources;
  const AdminRequest& request;
  std::string name;  // {name} or {id}
  std::string_view query;

  std::optional<std::string> Find(std::string_view key) const;
  // A number of at least `least` in the query; nothing: it is something else.
  std::optional<std::int64_t> Number(std::string_view key, std::int64_t usual, std::int64_t least) const;
  Result<std::string> Glob(std::string_view key) const;   // empty: it is not there
  Result<std::int64_t> Time(std::string_view key) const;  // ns since 1970, 0: it is not there
};

// For what asks whether to go on: for so long from now.
std::function<bool()> ForSoLong(std::chrono::milliseconds patience);
inline constexpr std::chrono::milliseconds kLook{20};  // one query of the store that reads on and on

AdminAnswer Problem(int status, std::string detail);
AdminAnswer Problem(const Error& error);
AdminAnswer Json(std::string body);
AdminAnswer Done();  // without content

}  // namespace portcall::app
