#include "sinks/http/redactor.h"

#include <algorithm>
#include <utility>

#include "runtime/bytes.h"
#include "runtime/http/message.h"
#include "runtime/text.h"
#include "sinks/http/credentials.h"
#include "sinks/http/decoded_text.h"

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
    AddBase64(value);
    const auto space = value.find(' ');
    if (space == std::string::npos) continue;
    const std::string_view credentials = std::string_view(value).substr(space + 1);
    Add(credentials);
    if (std::string pair; http::EqualsIgnoreCase(value.substr(0, space), "Basic")) {
      AddBase64(std::string(credentials));
      if (runtime::Base64Decode(credentials, pair)) AddPair(pair);
    }
  }
  if (!url.userinfo.empty()) {
    AddPair(url.userinfo);
    Add(BasicCredentials(url.userinfo));
    AddBase64(BasicCredentials(url.userinfo));
  }
  AddPath(std::string_view(url.target).substr(0, url.target.find('?')));
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
  std::ranges::sort(secrets_);
  secrets_.erase(std::ranges::unique(secrets_).begin(), secrets_.end());
}

void Redactor::Add(std::string_view secret) {
  if (secret.size() >= kShortest) secrets_.push_back(runtime::LowerCase(secret));
}

// Some leave out what fills the last place up, and in URLs two of its characters are others (RFC 4648 §5).
void Redactor::AddBase64(std::string secret) {
  secret.resize(secret.find_last_not_of('=') + 1);
  Add(secret);
  std::ranges::replace(secret, '+', '-');
  std::ranges::replace(secret, '/', '_');
  Add(secret);
}

void Redactor::AddPath(std::string_view path) {
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    if (!http::IsPlainSegment(segment)) {
      Add(segment);
      Add(http::PercentDecode(segment));
    }
    path.remove_prefix(segment.size());
  }
}

// user:password
void Redactor::AddPair(std::string_view pair) {
  Add(pair);
  if (const auto colon = pair.find(':'); colon != std::string_view::npos) Add(pair.substr(colon + 1));
}

std::string Redactor::Redact(std::string text, bool cut) const {
  std::vector<std::pair<std::size_t, std::size_t>> found;  // where secrets stand, from and to
  for (const DecodedText& reading : ReadingsOf(text, cut)) {
    const std::string lower = runtime::LowerCase(reading.text);  // hex digits, hosts and words are echoed in any case
    for (const std::string& secret : secrets_) {
      const std::size_t size = secret.size();
      for (auto at = lower.find(secret); at != std::string::npos; at = lower.find(secret, at + size)) {
        found.emplace_back(reading.begin[at], reading.end[at + size - 1]);
      }
      if (!cut) continue;
      for (std::size_t n = std::min(size - 1, lower.size()); n >= kShortest; --n) {
        if (!lower.ends_with(std::string_view(secret).substr(0, n))) continue;
        found.emplace_back(reading.begin[lower.size() - n], text.size());
        break;
      }
    }
  }
  std::ranges::sort(found);
  std::string redacted;
  std::size_t done = 0;
  for (std::size_t i = 0; i < found.size();) {
    auto [from, to] = found[i];
    for (++i; i < found.size() && found[i].first < to; ++i) to = std::max(to, found[i].second);
    redacted.append(text, done, from - done).append(kReplacement);
    done = to;
  }
  return redacted.append(text, done);
}

}  // namespace portcall::sinks
