#include "sinks/http/redirects.h"

#include "runtime/text.h"

namespace portcall::sinks {
namespace {

constexpr std::size_t kLongest = 512;

}  // namespace

Redirects::Redirects(const http::Url& url) : path_(url.target.substr(0, url.target.find('?'))) {
  while (path_.ends_with('/')) path_.pop_back();
}

std::string Redirects::Explain(std::string_view location, const Redactor& redactor) const {
  std::string place = http::ShownUrl(location.substr(0, kLongest));
  if (place.empty() || runtime::HasControl(place)) return ": redirect not followed";
  if (const std::size_t at = path_.empty() ? std::string::npos : place.find(path_); at != std::string::npos) {
    place.replace(at, path_.size(), "/…");
  }
  return ": redirect not followed: set url to " + redactor.Redact(std::move(place), location.size() > kLongest);
}

}  // namespace portcall::sinks
