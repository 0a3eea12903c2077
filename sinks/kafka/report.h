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

KafkaReport FailedWith(std::string reason, KafkaReport::Stored stored = KafkaReport::Stored::kNo,
                       bool for_another = false);
std::string ErrorText(int error);

// What ended a producer: an error that it does not recover from.
struct KafkaFatal {
  int error = 0;  // as KafkaReport's
  std::string text;
  bool refused_another() const;  // a message was refused: no other may pass that
};
// For operators: what to do about it, too, where that is known.
std::string TextOf(const KafkaFatal& fatal);

// How a message that was not refused itself ended: with its producer.
bool IsEnded(int error);

// Delivered only without an error and with the status PERSISTED. Undeliverable: what no repetition can change. Pure.
Outcome OutcomeOf(const KafkaReport& report, std::string_view topic);

bool IsTooLarge(int error);         // the broker refused a batch for its size
bool IsBatchRefused(int error);     // that, or for one of its messages: the broker does not say for which
bool IsTopicForbidden(int error);   // no authorization for the topic
bool IsTimedOut(int error);         // no report in time
bool IsUnknownTopic(int error);     // there is no such topic (yet)
bool IsAllBrokersDown(int error);   // a summary, which other errors explain
bool IsAuthentication(int error);   // credentials were refused
bool IsProducerFailure(int error);  // this producer is of no use any more
bool IsPassing(int error);          // a broker that has just started, or elects

// One line for operators, without the parts of librdkafka's text that change from one time to the next. `mechanism` is
// that of SASL, or empty; `version` librdkafka's.
std::string TroubleOf(int error, std::string_view text, std::string_view mechanism, int version);

}  // namespace portcall::sinks
