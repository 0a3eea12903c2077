#include "config/url_rules.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

namespace portcall::config {
namespace {

re2::RE2::Options Quiet() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  return options;
}

using Compilation = std::vector<std::unique_ptr<const re2::RE2>>;

Compilation Compile(const UrlRules::Patterns& patterns) {
  Compilation compiled;
  compiled.reserve(patterns.size());
  for (const std::string& pattern : patterns) compiled.push_back(std::make_unique<re2::RE2>(pattern, Quiet()));
  return compiled;
}

bool AnyFits(const Compilation& patterns, std::string_view url) {
  const re2::StringPiece text(url.data(), url.size());
  return std::ranges::any_of(
      patterns, [&text](const auto& pattern) { return pattern->ok() && re2::RE2::PartialMatch(text, *pattern); });
}

}  // namespace

struct UrlRules::Compiled {
  Compilation allow, deny;
};

UrlRules::UrlRules(std::optional<Patterns> allow, Patterns deny) : allow_(std::move(allow)), deny_(std::move(deny)) {
  if (allows_all()) return;
  compiled_ = std::make_shared<const Compiled>(allow_ ? Compile(*allow_) : Compilation(), Compile(deny_));
}

bool UrlRules::Allows(std::string_view url) const {
  if (!compiled_) return true;
  return (!allow_ || AnyFits(compiled_->allow, url)) && !AnyFits(compiled_->deny, url);
}

std::string WhyBadPattern(const std::string& pattern) {
  const re2::RE2 compiled(pattern, Quiet());
  return compiled.ok() ? std::string() : compiled.error();
}

}  // namespace portcall::config
