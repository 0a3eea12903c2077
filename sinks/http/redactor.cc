#include "sinks/http/redactor.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/bytes.h"
#include "runtime/http/message.h"
#include "runtime/json.h"
#include "runtime/text.h"
#include "sinks/http/credentials.h"

namespace portcall::sinks {
namespace {

constexpr std::string_view kReplacement = "***";
// Shorter ones would turn ordinary words of an answer into stars, and protect nothing.
constexpr std::size_t kShortest = 4;

// A text in which each unsafe byte is written as `prefix` and its two hex digits.
std::string Escaped(std::string_view text, std::string_view unsafe, std::string_view prefix, std::string_view digits) {
  std::string escaped;
  for (const char c : text) {
    if (unsafe.find(c) == std::string_view::npos) {
      escaped += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    escaped.append(prefix) += digits[byte >> 4];
    escaped += digits[byte & 15];
  }
  return escaped;
}

std::string Replaced(std::string text, std::string_view what, std::string_view by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

// In JSON's own escapes (RFC 8259 §7): what must be escaped, and no more.
std::string JsonOf(std::string_view text) {
  const std::string quoted = runtime::Dump(nlohmann::json(text));
  return quoted.substr(1, quoted.size() - 2);
}

// As Python writes JSON: in ASCII alone.
std::string AsciiJsonOf(std::string_view text) {
  const std::string quoted =
      nlohmann::json(text).dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

// How receivers repeat a text: as it is, in a URL, in HTML (also as Go and Python escape quotes), and in JSON as its
// standard, PHP, Python, Go and .NET escape it.
std::vector<std::string> SpellingsOf(std::string_view text) {
  constexpr std::string_view kLower = "0123456789abcdef", kUpper = "0123456789ABCDEF";
  constexpr std::string_view kReserved = "!#$%&'()*+,/:;=?@[] <>\"\\^`{|}";
  const std::string as_is(text), json = JsonOf(text);
  const std::string html = Replaced(Replaced(Replaced(as_is, "&", "&amp;"), "<", "&lt;"), ">", "&gt;");
  return {as_is,
          Escaped(text, kReserved, "%", kUpper),
          Escaped(text, kReserved, "%", kLower),
          html,
          Replaced(Replaced(html, "\"", "&quot;"), "'", "&#x27;"),
          Replaced(Replaced(html, "\"", "&#34;"), "'", "&#39;"),
          Replaced(Replaced(html, "\"", "&quot;"), "'", "&#039;"),
          json,
          AsciiJsonOf(text),
          Replaced(as_is, "/", "\\/"),
          Replaced(json, "/", "\\/"),
          Replaced(AsciiJsonOf(text), "/", "\\/"),
          Escaped(json, "<>&", "\\u00", kLower),
          Escaped(Replaced(as_is, "\\", "\\\\"), "<>&+'`\"", "\\u00", kUpper)};
}

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
    const auto space = value.find(' ');
    if (space == std::string::npos) continue;
    const std::string_view credentials = std::string_view(value).substr(space + 1);
    Add(credentials);
    if (std::string pair; http::EqualsIgnoreCase(value.substr(0, space), "Basic")) {
      if (runtime::Base64Decode(credentials, pair)) AddPair(pair);
    }
  }
  if (!url.userinfo.empty()) {
    AddPair(url.userinfo);
    Add(BasicCredentials(url.userinfo));
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
  std::ranges::sort(secrets_, [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  secrets_.erase(std::ranges::unique(secrets_).begin(), secrets_.end());
}

void Redactor::Add(std::string_view secret) {
  if (secret.size() < kShortest) return;
  for (std::string& spelling : SpellingsOf(secret)) secrets_.push_back(std::move(spelling));
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
