#include "runtime/http/url.h"

#include <algorithm>
#include <boost/url/encode.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/pct_string_view.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <boost/url/url_view.hpp>

#include "runtime/text.h"

namespace portcall::http {
namespace {

constexpr std::uint16_t kHttpPort = 80, kHttpsPort = 443;

Error Wrong(std::string what) { return {Errc::kInvalid, std::move(what)}; }
Error WrongPort() { return Wrong("the port is not a number from 1 to 65535"); }

using runtime::LowerCase;

// The host goes into a header and to the system's resolver: a decoded %0d%0a must not get there.
bool IsHost(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return runtime::IsAlphanumeric(c) || std::string_view(".-_:").find(c) != std::string_view::npos;
  });
}

// Takes the zone out of the host [v6%25zone] (RFC 6874), which Boost.URL does not know, and also one behind a bare %.
std::string TakeZone(std::string& text) {
  const std::size_t scheme = text.find("://");
  if (scheme == std::string::npos) return {};
  const std::size_t end = text.find_first_of("/?#", scheme + 3);
  const std::size_t open = text.rfind('[', end), close = text.find(']', open);
  const std::size_t percent = text.find('%', open);
  if (open == std::string::npos || open < scheme || percent >= close || close >= end) return {};
  std::string zone = text.substr(percent + 1, close - percent - 1);
  if (zone.starts_with("25") && zone.size() > 2) zone.erase(0, 2);
  text.erase(percent, close - percent);
  return zone;
}

std::string Decode(std::string_view text, bool plus_is_space) {
  const auto escaped = boost::urls::make_pct_string_view(text);
  if (!escaped) return std::string(text);
  boost::urls::encoding_opts options;
  options.space_as_plus = plus_is_space;
  return escaped->decode(options);
}

// Calls `take` with every decoded value of `name`, in order, until it returns false.
template <class F>
void ForEachValue(std::string_view query, std::string_view name, F take) {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    const std::size_t equals = pair.find('=');
    if (Decode(pair.substr(0, equals), true) != name) continue;
    if (!take(equals == std::string_view::npos ? std::string() : Decode(pair.substr(equals + 1), true))) return;
  }
}

}  // namespace

std::string Url::host_header() const {
  std::string text = host.find(':') == std::string::npos ? host : "[" + host.substr(0, host.find('%')) + "]";
  if (port != (tls() ? kHttpsPort : kHttpPort)) text += ":" + std::to_string(port);
  return text;
}

bool IsPlainSegment(std::string_view segment) {
  constexpr std::size_t kLongest = 20;
  const auto in_words = [](char c) { return runtime::IsLowerLetter(c) || c == '-' || c == '_'; };
  const bool version = segment.size() > 1 && segment.size() <= 3 && segment[0] == 'v' &&
                       std::ranges::all_of(segment.substr(1), runtime::IsDigit);
  return version || (segment.size() <= kLongest && std::ranges::all_of(segment, in_words));
}

std::string Url::Shown() const {
  std::string shown = scheme + "://" + host_header();
  std::string_view path = std::string_view(target).substr(0, target.find('?'));
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    shown += '/';
    if (!IsPlainSegment(segment)) return shown + "…";
    shown += segment;
    path.remove_prefix(segment.size());
  }
  return shown;
}

Result<Url> ParseUrl(std::string_view whole) {
  std::string text(whole);
  const std::string zone = TakeZone(text);
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed) return Wrong("not an absolute URL (http://HOST[:PORT]/PATH): " + parsed.error().message());
  const boost::urls::url_view& view = *parsed;

  Url url;
  url.scheme = LowerCase(view.scheme());
  if (url.scheme != "http" && url.scheme != "https") {
    return Wrong("the scheme is '" + url.scheme + "'; only http and https are known");
  }
  url.host = LowerCase(view.host_address());
  if (url.host.empty()) return Wrong("the host is missing");
  if (!zone.empty()) url.host += "%" + zone;
  if (!IsHost(std::string_view(url.host).substr(0, url.host.find('%'))) || (!zone.empty() && !IsHost(zone)))
    return Wrong("the host contains characters that no host name has");
  url.port = url.tls() ? kHttpsPort : kHttpPort;
  if (view.has_port() && !view.port().empty()) {
    // Boost.URL's own number wraps beyond 16 bits.
    const auto port = runtime::ParseNumber<std::uint16_t>(view.port());
    if (!port || *port == 0) return WrongPort();
    url.port = *port;
  }
  // After a port that is no number the rest would be taken for the path.
  if (!view.encoded_path().empty() && !view.encoded_path().starts_with('/')) return WrongPort();
  if (view.has_userinfo()) url.userinfo = PercentDecode(view.encoded_userinfo());
  url.target = view.encoded_path();
  if (url.target.empty()) url.target = "/";
  if (view.has_query()) {
    url.target.push_back('?');
    url.target += std::string_view(view.encoded_query());
  }
  return url;
}

std::string ShownUrl(std::string_view text) {
  std::string shown(text.substr(0, text.find_first_of("?#")));
  const std::size_t scheme = shown.find("://");
  const bool is_path = shown.starts_with('/') && !shown.starts_with("//");
  if (scheme == std::string::npos) return is_path ? shown : shown.substr(shown.rfind('@') + 1);  // npos + 1: all of it
  const std::size_t path = std::min(shown.find('/', scheme + 3), shown.size());
  const std::size_t at = shown.rfind('@', path);
  if (at != std::string::npos && at > scheme) shown.erase(scheme + 3, at - scheme - 2);
  return shown;
}

std::string PercentDecode(std::string_view text) { return Decode(text, false); }

std::string PercentEncode(std::string_view text) { return boost::urls::encode(text, boost::urls::unreserved_chars); }

bool QueryValue(std::string_view query, std::string_view name, std::string& value) {
  bool found = false;
  ForEachValue(query, name, [&](std::string first) {
    value = std::move(first);
    found = true;
    return false;
  });
  return found;
}

std::vector<std::string> QueryValues(std::string_view query, std::string_view name) {
  std::vector<std::string> values;
  ForEachValue(query, name, [&](std::string next) {
    values.push_back(std::move(next));
    return true;
  });
  return values;
}

}  // namespace portcall::http
