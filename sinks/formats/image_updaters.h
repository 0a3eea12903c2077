#pragma once

#include <string>
#include <string_view>

#include "store/event.h"

namespace portcall::sinks {

// What other registries send, for the image updaters that read it: Flux, Argo CD, Keel and their kin. Made for pushes
// of a tag; of any other event they say what the shape has room for. `source` is the configured name of this registry,
// the host of every image and URL in them. Names that are no UTF-8 come with U+FFFD in them. Pure.
std::string Harbor(const store::Event& event, std::string_view source);     // PUSH_ARTIFACT, the format named Default
std::string DockerHub(const store::Event& event, std::string_view source);  // repo_name is without a host, as there
std::string Quay(const store::Event& event, std::string_view source);
std::string Acr(const store::Event& event, std::string_view source);
std::string Keel(const store::Event& event, std::string_view source);  // of its path /v1/webhooks/native

}  // namespace portcall::sinks
