#include "sinks/http/redactor.h"

#include <algorithm>

#include "runtime/bytes.h"
#include "runtime/text.h"

namespace portcall::sinks {
namespace {

constexpr std::string_view kReplacement = "***";
// Shorter ones would turn ordinary words of an answer into stars, and protect nothing.
constexpr std::size_t kShortest = 4;

}  // namespace

bool IsSecretHeader(std::string_view name) {
  const std::string lower = runtime::LowerCase(name);
  for (std::string_view word : {"auth", "token", "secret", "key", "password", "cookie", "signature", "credential"}) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

Redactor::Redactor(const config::HeaderList& headers, const http::Url& url) {
  for (const auto& [name, value] : headers) {
    if (!IsSecretHeader(name)) continue;
    Add(value);
    if (const auto space = value.find(' '); space != std::string::npos) Add(std::string_view(value).substr(space + 1));
  }
  if (!url.userinfo.empty()) {
    Add(url.userinfo);
    Add(runtime::Base64(url.userinfo));
    if (const auto colon = url.userinfo.find(':'); colon != std::string::npos) {
      Add(std::string_view(url.userinfo).substr(colon + 1));
    }
  }
  if (const auto question = url.target.find('?'); question != std::string::npos) {
    std::string_view query = std::string_view(url.target).substr(question + 1);
    while (!query.empty()) {
      const std::string_view pair = query.substr(0, query.find('&'));
      query.remove_prefix(std::min(query.size(), pair.size() + 1));
      const auto equals = pair.find('=');
      if (equals == std::string_view::npos) continue;
      Add(pair.substr(equals + 1));
      Add(http::PercentDecode(pair.substr(equals + 1)));
    }
  }
  std::ranges::sort(secrets_, [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
}

void Redactor::Add(std::string_view secret) {
  if (secret.size() >= kShortest) secrets_.emplace_back(secret);
}

std::string Redactor::Redact(std::string text, bool cut) const {
  for (const std::string& secret : secrets_) {
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + kReplacement.size())) {
      text.replace(at, secret.size(), kReplacement);
    }
  }
  if (!cut) return text;
  for (const std::string& secret : secrets_) {
    for (std::size_t n = std::min(secret.size() - 1, text.size()); n >= kShortest; --n) {
      if (text.ends_with(std::string_view(secret).substr(0, n))) {
        text.replace(text.size() - n, n, kReplacement);
        break;
      }
    }
  }
  return text;
}

}  // namespace portcall::sinks
