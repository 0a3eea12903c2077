#include "sinks/facts.h"

#include "runtime/time.h"

namespace portcall::sinks {

std::string ImageOf(const store::Event& event, std::string_view source) {
  std::string image(event.source.empty() ? source : std::string_view(event.source));
  if (!image.empty()) image += '/';
  image += event.repository;
  if (!event.tag.empty()) return image + ':' + event.tag;
  return event.digest.empty() ? image : image + '@' + event.digest;
}

std::string FactOf(const store::Event& event, std::string_view source, std::string_view word) {
  if (word == "repository") return event.repository;
  if (word == "tag") return event.tag;
  if (word == "digest") return event.digest;
  if (word == "source") return std::string(event.source.empty() ? source : std::string_view(event.source));
  if (word == "image") return ImageOf(event, source);
  if (word == "reference") return event.tag.empty() ? event.digest : event.tag;
  if (word == "action") return std::string(NameOf(event.action));
  if (word == "kind") return std::string(NameOf(event.kind));
  if (word == "mediatype") return event.media_type;
  if (word == "size") return std::to_string(event.size);
  if (word == "actor") return event.actor;
  if (word == "id") return event.id;
  if (word == "seq") return std::to_string(event.seq);
  if (word == "time") return runtime::Rfc3339Fixed(event.first_recorded_at());
  if (word == "url") return store::DecodeDetails(event.details).url;
  if (word == "previousdigest") return store::DecodeDetails(event.details).previous_digest;
  return {};
}

}  // namespace portcall::sinks
