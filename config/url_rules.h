#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portcall::config {

// Which addresses a manifest may give for its content: validation.manifests.urls. Immutable; copies share the compiled
// patterns. Any thread.
class UrlRules {
 public:
  using Patterns = std::vector<std::string>;  // regular expressions of RE2, which fit anywhere in an address

  UrlRules() = default;  // every address
  // An address must fit one of `allow` where that is set (none of an empty one), and none of `deny`. A pattern that
  // WhyBadPattern() refuses fits nothing.
  UrlRules(std::optional<Patterns> allow, Patterns deny);

  bool Allows(std::string_view url) const;
  bool allows_all() const { return !allow_ && deny_.empty(); }
  bool operator==(const UrlRules& other) const { return allow_ == other.allow_ && deny_ == other.deny_; }

 private:
  struct Compiled;
  std::optional<Patterns> allow_;
  Patterns deny_;
  std::shared_ptr<const Compiled> compiled_;  // null: every address
};

// What is wrong with a pattern; empty: it is right.
std::string WhyBadPattern(const std::string& pattern);

}  // namespace portcall::config
