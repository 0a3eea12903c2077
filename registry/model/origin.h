#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "runtime/clock.h"

namespace portcall::registry {

// On whose behalf a use case runs, and where from: what the events of that use case say of it. Made once, by whoever
// calls the use case (for HTTP: http/origin_of.h), and never changed, so that all of its events share one. Texts that
// anybody may have sent are cut by the maker: an event must stay small. What does not apply is empty.
struct Origin {
  std::string actor;            // the name as authenticated or claimed; empty: anonymous
  bool actor_verified = false;  // the actor is an authenticated subject, not a claimed name

  std::string request_id;                // the same in every event of one request
  std::string method, host, user_agent;  // of an HTTP request
  std::string uri;                       // its path, without the query
  std::string client;                    // "ip:port" of the peer, or the address that a trusted proxy names
  std::string client_ip;                 // the same without a port
  std::string peer;                      // "ip:port" of the peer where `client` is what a trusted proxy said
  std::string forwarded;                 // what trusted proxies said, as they said it
  std::string tls_subject;               // of a verified client certificate
  runtime::WallTime received{};          // when the request came, or the work began

  // Where the content can be had, up to and with "/v2/", for the addresses in events. Empty: they have none.
  std::string base_url;
  std::string source_addr, source_instance;  // the process that records it
};
using OriginPtr = std::shared_ptr<const Origin>;

// Where clients find a manifest or a blob.
std::string ManifestUrl(std::string_view base_url, std::string_view repository, std::string_view digest);
std::string BlobUrl(std::string_view base_url, std::string_view repository, std::string_view digest);

}  // namespace portcall::registry
