#include "sinks/kafka/message.h"

#include <algorithm>

#include "runtime/text.h"
#include "sinks/facts.h"
#include "sinks/formats/cloudevents.h"
#include "sinks/formats/docker.h"
#include "sinks/formats/format.h"
#include "sinks/kafka/topic_name.h"

namespace portcall::sinks {
namespace {

using store::Action;
using store::Kind;

constexpr std::string_view kDefaultKey = "{{source}}/{{repository}}";
constexpr std::array kFormatNames{kCloudEventsName, kStructuredName, kDockerV1Name};

bool IsTopicName(std::string_view name) { return WhyBadTopic(name).empty(); }

bool Has(const std::vector<std::string>& list, std::string_view name) {
  return std::ranges::find(list, name) != list.end();
}

// Whether there are events of this action and kind, so that their topic is expected to exist.
bool Occurs(Action action, Kind kind) {
  switch (action) {
    case Action::kPush:
    case Action::kPull:
      return kind == Kind::kBlob || kind == Kind::kManifest || kind == Kind::kTag;
    case Action::kMount:
      return kind == Kind::kBlob;
    case Action::kDelete:
      return kind != Kind::kSystem;
    default:
      return kind == Kind::kSystem;
  }
}

bool Selected(const config::Endpoint& endpoint, Action action, Kind kind) {
  const config::Selection &only = endpoint.only, &ignore = endpoint.ignore;
  if (!Occurs(action, kind) || Has(ignore.actions, store::NameOf(action)) || Has(ignore.kinds, store::NameOf(kind))) {
    return false;
  }
  // Actions recorded for the audit log go only to endpoints that name them.
  const bool ordinary = action <= Action::kDelete;
  if (only.actions.empty() ? !ordinary : !Has(only.actions, store::NameOf(action))) return false;
  return only.kinds.empty() || Has(only.kinds, store::NameOf(kind));
}

}  // namespace

std::span<const std::string_view> KafkaFormatNames() { return kFormatNames; }

std::size_t KafkaMessage::bytes() const {
  std::size_t total = key.size() + payload().size();
  for (const auto& [name, text] : headers) total += name.size() + text.size();
  return total;
}

Result<KafkaMessages> KafkaMessages::Make(const config::Endpoint& endpoint) {
  KafkaMessages made;
  made.source_ = endpoint.source;
  const auto format = std::ranges::find(kFormatNames, endpoint.format);
  if (format == kFormatNames.end()) {
    return Error(Errc::kInvalid, "unknown format '" + endpoint.format +
                                     "' for Kafka: docker-v1, cloudevents or cloudevents-structured");
  }
  made.format_ = static_cast<Format>(format - kFormatNames.begin());
  const auto kafka = endpoint.As<KafkaConfig>();
  if (kafka == nullptr) return Error(Errc::kInvalid, "the Kafka settings are missing");
  const std::string& key = kafka->key;
  if (!key.empty() && key != kDefaultKey) {
    auto parsed = Template::Parse(key, EventWords());
    if (!parsed) return Error(Errc::kInvalid, "key: " + parsed.error().detail);
    made.key_ = std::move(*parsed);
  }
  if (auto topics = made.MakeTopics(endpoint, *kafka); !topics) return Error(topics.error());
  return made;
}

Result<void> KafkaMessages::MakeTopics(const config::Endpoint& endpoint, const KafkaConfig& kafka) {
  auto topic = ParseTopic(kafka.topic);
  if (!topic) return Error(Errc::kInvalid, "topic: " + topic.error().detail);
  const auto expect = [this](std::size_t place) {
    if (std::ranges::find(expected_, place) == expected_.end()) expected_.push_back(place);
  };
  for (std::size_t i = 0; i < topic_of_.size(); ++i) {
    const auto action = static_cast<Action>(i / store::kKinds);
    const auto kind = static_cast<Kind>(i % store::kKinds);
    const std::string name = topic->Render(
        [&](std::string_view word) { return std::string(word == "action" ? NameOf(action) : NameOf(kind)); });
    if (!IsTopicName(name)) return Error(Errc::kInvalid, "topic: '" + name + "' is not a name that Kafka takes");
    topic_of_[i] = AddTopic(name);
    if (Selected(endpoint, action, kind)) expect(topic_of_[i]);
  }
  several_ = expected_.size() > 1;
  if (const std::string& name = kafka.dead_letter_topic; !name.empty()) {
    if (!IsTopicName(name)) {
      return Error(Errc::kInvalid, "deadlettertopic: '" + name + "' is not a name that Kafka takes");
    }
    dead_letters_ = AddTopic(name);
    if (std::ranges::find(expected_, dead_letters_) != expected_.end()) {
      return Error(Errc::kInvalid, "deadlettertopic: '" + name + "' is one of the topics that events go to");
    }
    expect(dead_letters_);
  }
  return {};
}

std::size_t KafkaMessages::AddTopic(const std::string& name) {
  const auto at = std::ranges::find(topics_, name);
  const auto place = static_cast<std::size_t>(at - topics_.begin());
  if (at == topics_.end()) topics_.push_back(name);
  return place;
}

std::string KafkaMessages::KeyOf(const store::Event& event) const {
  const std::string_view source = event.source.empty() ? std::string_view(source_) : std::string_view(event.source);
  if (!key_.empty()) return key_.Render([&](std::string_view word) { return FactOf(event, source_, word); });
  std::string key(source);
  if (!key.empty() && !event.repository.empty()) key += '/';
  return key += event.repository;
}

KafkaMessage KafkaMessages::Of(const store::Event& event) const {
  KafkaMessage message;
  message.topic =
      topic_of_[static_cast<std::size_t>(event.action) * store::kKinds + static_cast<std::size_t>(event.kind)];
  message.key = KeyOf(event);
  auto& headers = message.headers;
  headers.reserve(13);  // of the longest form, and those of a dead letter
  switch (format_) {
    case Format::kDocker: {
      const store::EventPtr borrowed(store::EventPtr(), &event);
      message.value = DockerEnvelopeV1({&borrowed, 1});
      headers.emplace_back("content-type", kDockerV1);
      headers.emplace_back("ce_id", event.id);
      break;
    }
    case Format::kBinary: {
      CloudEvent cloud = ToCloudEvent(event, source_);
      message.value = std::move(cloud.data);
      headers.emplace_back("content-type", "application/json");
      for (auto& [name, value] : cloud.attributes) headers.emplace_back(name.insert(0, "ce_"), std::move(value));
      break;
    }
    case Format::kStructured:
      message.value = StructuredCloudEvent(event, source_);
      headers.emplace_back("content-type", kCloudEventsJson);
      headers.emplace_back("ce_id", event.id);
      break;
  }
  headers.emplace_back("seq", std::to_string(event.seq));
  return message;
}

std::string KafkaMessages::shape() const {
  return std::string("kafka ").append(kFormatNames[static_cast<std::size_t>(format_)]).append(" ").append(source_);
}

KafkaMessage KafkaMessages::DeadLetterOf(const store::Event& event, std::string_view error,
                                         std::int32_t partition) const {
  KafkaMessage message = Of(event);
  message.headers.emplace_back("portcall-error", error);
  message.headers.emplace_back("portcall-topic", topics_[message.topic]);
  if (partition >= 0) message.headers.emplace_back("portcall-partition", std::to_string(partition));
  message.topic = dead_letters_;
  return message;
}

}  // namespace portcall::sinks
