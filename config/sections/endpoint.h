#pragma once

#include <array>
#include <string>
#include <string_view>

#include "config/config.h"
#include "config/kind.h"
#include "config/reader/map_reader.h"

namespace portcall::config {

// One entry of notifications.endpoints, with the defaults of its kind. `source` is that of the whole file.
Endpoint ReadEndpoint(MapReader& section, const std::string& source, KindTable kinds);

// Keys that every entry may have.
inline constexpr std::array<std::string_view, 15> kEntryKeys{
    "name",    "type",      "disabled",          "from",           "was",
    "timeout", "threshold", "backoff",           "maxbackoff",     "order",
    "only",    "ignore",    "ignoredmediatypes", "queuesizelimit", "queuepurgetimeout"};

// Keys about lanes and giving up. A kind without Traits::one_line lists them, but leaves reading to ReadEndpoint().
inline constexpr std::array<Key, 5> kQueueKeys{{{"images"}, {"ratelimit"}, {"maxparked"}, {"maxage"}, {"maxretries"}}};

// Keys of kinds that make HTTP requests; their Read() calls the two readers below.
inline constexpr std::string_view kOneByOne = "every event becomes a record of its own";
inline constexpr std::array<Key, 9> kHttpKeys{{{"url", "only HTTP requests go to a URL"},
                                               {"headers", "only HTTP requests have it"},
                                               {"concurrency", "events follow each other without waiting"},
                                               {"batch", kOneByOne},
                                               {"maxretryafter", "only HTTP answers ask for a delay"},
                                               {"retryontimeout", "what is sent again has the same id"},
                                               {"debounce", kOneByOne},
                                               {"collapse", kOneByOne},
                                               {"tls"}}};
void ReadUrl(MapReader& entry, Endpoint& endpoint);  // reports nothing where it is absent
// All but `url`. `endpoint.debounce` holds the kind's default before, which counts only with `collapse`.
void ReadHttpKeys(MapReader& entry, Endpoint& endpoint);
// ca, certificate, key and insecureskipverify below `tls`.
void ReadTlsFiles(MapReader& tls, Endpoint& endpoint);

// only, ignore, ignoredmediatypes and images. The kind's keys are read already.
void ReadSelections(MapReader& section, Endpoint& endpoint);
// Whether the endpoint asks for an action by name.
bool AsksFor(const Endpoint& endpoint, std::string_view action);
// As WhyBadGlob(), and why no repository's name can match.
std::string WhyBadRepositoryGlob(std::string_view pattern);

}  // namespace portcall::config
