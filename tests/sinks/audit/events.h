#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "runtime/bytes.h"
#include "store/event.h"

namespace portcall::sinks::audit {

inline std::string ReadText(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

inline void WriteText(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
}

inline store::EventPtr MakeEvent(std::int64_t seq, std::int64_t recorded_at = 0) {
  store::Event event;
  event.seq = seq;
  event.id = runtime::UuidV7();
  event.recorded_at = recorded_at != 0 ? recorded_at : 1'790'000'000'000'000'000 + seq;
  event.action = store::Action::kPush;
  event.kind = store::Kind::kTag;
  event.repository = "acme/app-" + std::to_string(seq % 7);
  event.tag = "v" + std::to_string(seq);
  event.digest = "sha256:" + std::string(64, 'a');
  event.media_type = "application/vnd.oci.image.manifest.v1+json";
  event.size = 1234;
  event.actor = seq % 2 == 0 ? "alice" : "bob";
  store::Details details;
  details.request_addr = "10.1.2.3:54321";
  details.request_method = "PUT";
  details.request_host = "registry.example.com";
  details.request_id = event.id;
  details.request_useragent = "skopeo/1.9";
  event.details = store::EncodeDetails(details);
  return std::make_shared<const store::Event>(std::move(event));
}

inline std::vector<store::EventPtr> MakeEvents(std::int64_t first, std::int64_t last) {
  std::vector<store::EventPtr> events;
  for (std::int64_t seq = first; seq <= last; ++seq) events.push_back(MakeEvent(seq));
  return events;
}

inline std::vector<std::int64_t> Range(std::int64_t first, std::int64_t last) {
  std::vector<std::int64_t> numbers;
  for (std::int64_t n = first; n <= last; ++n) numbers.push_back(n);
  return numbers;
}

}  // namespace portcall::sinks::audit
