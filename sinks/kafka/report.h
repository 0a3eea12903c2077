#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sinks/sink.h"

namespace portcall::sinks {

// How a message ended. `error` is librdkafka's code (rd_kafka_resp_err_t), 0: none.
struct KafkaReport {
  enum class Stored : std::uint8_t { kNo, kPossibly, kYes };
  int error = 0;
  Stored stored = Stored::kNo;
  std::int32_t partition = -1;  // negative: not known
  std::string reason = {};      // in place of the code's own text
  bool for_another = false;     // it ended because another message failed
};

// How a message that was not refused itself ended: with its producer.
bool IsEnded(int error);

// Delivered only without an error and with the status PERSISTED. Undeliverable: what no repetition can change. Pure.
Outcome OutcomeOf(const KafkaReport& report, std::string_view topic);

bool IsTooLarge(int error);         // the broker refused a batch for its size
bool IsTopicForbidden(int error);   // no authorization for the topic
bool IsUnknownTopic(int error);     // there is no such topic (yet)
bool IsAllBrokersDown(int error);   // a summary, which other errors explain
bool IsAuthentication(int error);   // credentials were refused
bool IsProducerFailure(int error);  // this producer is of no use any more
bool IsPassing(int error);          // a broker that has just started, or elects

// One line for operators, without the parts of librdkafka's text that change from one time to the next. `mechanism` is
// that of SASL, or empty; `version` librdkafka's.
std::string TroubleOf(int error, std::string_view text, std::string_view mechanism, int version);

}  // namespace portcall::sinks
