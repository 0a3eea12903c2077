#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "runtime/result.h"
#include "sinks/formats/template.h"
#include "sinks/kafka/kafka_config.h"
#include "sinks/shared_bodies.h"
#include "store/event.h"

namespace portcall::sinks {

// A record to produce.
struct KafkaMessage {
  std::size_t topic = 0;  // place in KafkaMessages::topics()
  std::string key;        // empty: no key
  std::string value;
  std::shared_ptr<const Encoded> body = nullptr;  // in place of `value`: one that others send too
  std::vector<std::pair<std::string, std::string>> headers;
  const std::string& payload() const { return body ? body->body : value; }
  std::size_t bytes() const;  // what it takes on the wire at least
};

std::span<const std::string_view> KafkaFormatNames();

// Turns events into records: topic, key, headers and value. Immutable once made.
class KafkaMessages {
 public:
  // kInvalid: a template, a topic's name, or the format.
  static Result<KafkaMessages> Make(const config::Endpoint& endpoint);

  KafkaMessage Of(const store::Event& event) const;
  // What the value depends on beside the event.
  std::string shape() const;
  // The same record for the dead-letter topic, with what went wrong in headers; a negative partition is not known.
  KafkaMessage DeadLetterOf(const store::Event& event, std::string_view error, std::int32_t partition) const;

  // A closed set, made of the words that an action and a kind can be, so that no name that was pushed makes a topic.
  const std::vector<std::string>& topics() const { return topics_; }
  // Those that the selected events can go to, and the one for dead letters.
  const std::vector<std::size_t>& expected() const { return expected_; }
  bool several_topics() const { return several_; }            // without the one for dead letters
  std::size_t dead_letters() const { return dead_letters_; }  // its place, where there is one
  bool has_dead_letter_topic() const { return dead_letters_ != kNone; }
  const std::string& dead_letter_topic() const { return topics_[dead_letters_]; }

 private:
  enum class Format { kBinary, kStructured, kDocker };  // in the order of KafkaFormatNames()
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  KafkaMessages() = default;
  Result<void> MakeTopics(const config::Endpoint& endpoint, const KafkaConfig& kafka);
  std::size_t AddTopic(const std::string& name);
  std::string KeyOf(const store::Event& event) const;

  Format format_ = Format::kBinary;
  std::string source_;
  Template key_;  // empty: source/repository
  std::vector<std::string> topics_;
  std::vector<std::size_t> expected_;
  std::array<std::size_t, store::kActions * store::kKinds> topic_of_{};
  std::size_t dead_letters_ = kNone;
  bool several_ = false;
};

}  // namespace portcall::sinks
