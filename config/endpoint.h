#pragma once

#include <string>
#include <string_view>

#include "config/config.h"
#include "config/section.h"

namespace portcall::config {

// One entry of notifications.endpoints, with the defaults of its type. `source` is that of the whole file.
Endpoint ReadEndpoint(Section& section, const std::string& source);

// What belongs to one type alone; each is called before the keys that all types share.
void ReadKafka(Section& section, Endpoint& endpoint);
void ReadCi(Section& section, Endpoint& endpoint);
void ReadAudit(Section& section, Endpoint& endpoint);
// Whether what the endpoint sends holds the registry's own name.
bool NeedsSource(const Endpoint& endpoint);

// only, ignore, ignoredmediatypes and images. The type, the format and the defaults of the type stand already.
void ReadSelections(Section& section, Endpoint& endpoint);
// Whether the endpoint asks for an action by name.
bool AsksFor(const Endpoint& endpoint, std::string_view action);
// As WhyBadGlob(), and what no repository's name can fit.
std::string WhyBadRepositoryGlob(std::string_view pattern);

// ca, certificate, key and insecureskipverify below `tls`.
void ReadTlsFiles(Section& tls, Endpoint& endpoint);

}  // namespace portcall::config
