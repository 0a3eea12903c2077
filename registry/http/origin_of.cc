#include "registry/http/origin_of.h"

#include <utility>

#include "runtime/bytes.h"

namespace portcall::registry {
namespace {

constexpr std::size_t kMaxText = 255;
constexpr std::size_t kMaxMethod = 32;
constexpr std::size_t kMaxAgent = 512;
constexpr std::size_t kMaxUri = 2048;

// The user name that the request claims in Basic credentials, unverified; empty without.
std::string ClaimedName(const http::Request& request) {
  constexpr std::string_view kBasic = "basic ";
  const std::string_view header = request.fields.Get("Authorization");
  if (header.size() <= kBasic.size() || !http::EqualsIgnoreCase(header.substr(0, kBasic.size()), kBasic)) return {};
  std::string text(header.substr(kBasic.size())), decoded;
  while (text.size() % 4 != 0) text += '=';  // some clients leave it out
  if (!runtime::Base64Decode(text, decoded)) return {};
  const std::size_t colon = decoded.find(':');
  return colon == std::string::npos ? std::string() : decoded.substr(0, colon);
}

}  // namespace

OriginPtr OriginOf(const http::Request& request, const config::HttpConfig& config, const TrustedProxies& proxies,
                   const Source& source) {
  const auto origin = std::make_shared<Origin>();
  origin->actor = ClaimedName(request);
  if (origin->actor.size() > kMaxText) origin->actor.resize(kMaxText);
  origin->request_id = request.id;
  origin->method = std::string_view(request.method).substr(0, kMaxMethod);
  origin->host = request.fields.Get("Host").substr(0, kMaxText);
  origin->user_agent = request.fields.Get("User-Agent").substr(0, kMaxAgent);
  origin->uri = request.path().substr(0, kMaxUri);
  if (auto client = ClientBehindProxy(request, proxies)) {
    origin->client = *client;
    origin->client_ip = std::move(*client);
    origin->peer = request.peer;
  } else {
    origin->client = request.peer;
    origin->client_ip = request.peer_ip;
  }
  origin->forwarded = ForwardedText(request, proxies);
  origin->tls_subject = request.tls_subject;
  origin->received = request.received;
  origin->base_url = Urls(config, request, proxies).base();
  origin->source_addr = source.addr;
  origin->source_instance = source.instance;
  return origin;
}

}  // namespace portcall::registry
