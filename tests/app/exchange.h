#pragma once

#include <string>

#include "registry/registry.h"
#include "runtime/http/server.h"

namespace portcall::app {

// A finished exchange whose parts a test may change.
struct TestExchange {
  TestExchange() {
    request.method = "GET";
    request.target = "/v2/acme/ctr/manifests/v1";
    request.peer = "127.0.0.1:52354";
    request.peer_ip = "127.0.0.1";
    request.id = "ed33ecc4-555c-436d-8e6c-564dc7a58414";
    request.received = runtime::WallTime(std::chrono::seconds(1'795'190'400));  // 2026-11-20T16:00:00Z
    request.fields.Add("Host", "127.0.0.1:5600");
    request.fields.Add("User-Agent", "skopeo/1.9.3");
    routed.route = {registry::Place::kManifest, "", ""};
    response.fields.Add("Content-Type", "application/json");
  }
  http::Exchange Get() const {
    return {request, response, written, read, std::chrono::microseconds(2130), "HTTP/1.1", end};
  }
  http::Request request;
  http::Response response;
  registry::RoutedRequest routed;
  std::uint64_t written = 502, read = 0;
  http::Exchange::End end{};
};

}  // namespace portcall::app
