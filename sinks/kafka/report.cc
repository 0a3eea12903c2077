#include "sinks/kafka/report.h"

#include <librdkafka/rdkafka.h>

namespace portcall::sinks {
namespace {

constexpr int kScramWithKafka4 = 0x02060100;  // the first librdkafka whose SCRAM a broker of 4.0 or later accepts

// What is wrong with the record itself. Topics, rights, limits of time and versions are the operators', on either side.
bool IsPermanent(int error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
      return true;
    default:
      return false;
  }
}

std::string ErrorOf(const KafkaReport& report, std::string_view topic) {
  if (!report.reason.empty()) return report.reason;
  const std::string name = "topic " + std::string(topic);
  if (IsUnknownTopic(report.error)) return name + " does not exist: create it, or correct the endpoint's topic";
  if (IsTopicForbidden(report.error)) return name + ": not authorized to write: grant WRITE and DESCRIBE on it";
  if (report.error == 0) return name + ": the broker may not have stored the message";
  return name + ": " + ErrorText(report.error);
}

}  // namespace

KafkaReport FailedWith(std::string reason, KafkaReport::Stored stored, bool for_another) {
  return {RD_KAFKA_RESP_ERR_NO_ERROR, stored, -1, std::move(reason), for_another};
}

std::string ErrorText(int error) { return rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(error)); }

bool KafkaFatal::refused_another() const { return error == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE; }

std::string TextOf(const KafkaFatal& fatal) {
  switch (fatal.error) {
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return fatal.text +
             ": grant IdempotentWrite on the cluster, or, to brokers of 2.8 and later, Write on the topic (KIP-679)";
    default:
      return fatal.text;
  }
}

bool IsEnded(int error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE:
      return true;
    default:
      return false;
  }
}

Outcome OutcomeOf(const KafkaReport& report, std::string_view topic) {
  Outcome outcome;
  outcome.maybe_received = report.stored != KafkaReport::Stored::kNo;
  if (report.error == 0 && report.stored == KafkaReport::Stored::kYes) {
    outcome.verdict = Verdict::kDelivered;
    return outcome;
  }
  outcome.verdict = IsPermanent(report.error) ? Verdict::kUndeliverable : Verdict::kFailed;
  if (report.for_another) outcome.blames = Blames::kNobody;
  outcome.error = ErrorOf(report, topic);
  return outcome;
}

bool IsTooLarge(int error) {
  return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || error == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE ||
         error == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE;
}

// What a broker's own checks of records answer, and what becomes of an error in those that are plugged into it.
bool IsBatchRefused(int error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN:
      return true;
    default:
      return IsTooLarge(error);
  }
}

bool IsTopicForbidden(int error) { return error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; }

bool IsTimedOut(int error) { return error == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT; }

bool IsUnknownTopic(int error) {
  return error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC || error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

bool IsAllBrokersDown(int error) { return error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN; }

bool IsAuthentication(int error) {
  return error == RD_KAFKA_RESP_ERR__AUTHENTICATION || error == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED;
}

bool IsProducerFailure(int error) {
  return error == RD_KAFKA_RESP_ERR__FATAL || error == RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE;
}

bool IsPassing(int error) { return error == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS; }

std::string TroubleOf(int error, std::string_view text, std::string_view mechanism, int version) {
  std::string trouble(text.substr(0, text.find(" (after ")));
  if (trouble.empty()) trouble = ErrorText(error);
  // Brokers of 4.0 report an older librdkafka's SCRAM as wrong credentials: only the version tells the two apart.
  const bool refused = text.find("invalid credentials") != std::string_view::npos;
  if (IsAuthentication(error) && refused && mechanism.starts_with("SCRAM") && version < kScramWithKafka4) {
    trouble +=
        "; this librdkafka (" + std::string(rd_kafka_version_str()) +
        ") cannot do SCRAM with Kafka 4.0 and later: use Kafka 3.9, PLAIN over TLS, or librdkafka 2.6.1 or later";
  }
  return trouble;
}

}  // namespace portcall::sinks
