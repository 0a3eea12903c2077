#pragma once

#include <string>

#include "runtime/bytes.h"
#include "store/event.h"

namespace portcall::store {

// The i-th push of many, of fifty repositories, with what a client's request says of itself.
inline Event Sample(int i) {
  Event event;
  event.id = runtime::UuidV7();
  event.action = Action::kPush;
  event.kind = Kind::kTag;
  event.repository = "library/app-" + std::to_string(i % 50);
  event.tag = "v1." + std::to_string(i);
  event.digest = "sha256:" + std::string(64, 'a');
  event.media_type = "application/vnd.oci.image.manifest.v1+json";
  event.size = 1234;
  event.actor = "alice";
  Details details;
  details.url = "https://registry.example.com/v2/" + event.repository + "/manifests/" + event.digest;
  details.request_id = event.id;
  details.request_addr = "10.1.2.3:54321";
  details.request_host = "registry.example.com";
  details.request_method = "PUT";
  details.request_useragent = "docker/27.3.1 go/go1.22.7 kernel/6.1 os/linux arch/amd64 UpstreamClient(Docker-Client)";
  details.source_addr = "registry-0:5000";
  details.source_instance = "0193f0a0-0000-7000-8000-000000000000";
  event.details = EncodeDetails(details);
  return event;
}

}  // namespace portcall::store
