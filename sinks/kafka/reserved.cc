#include "sinks/kafka/reserved.h"

#include <algorithm>
#include <array>

namespace portcall::sinks {
namespace {

// librdkafka's properties that have a key of their own here, or must keep our value. A prefix ends with a dot.
struct Reserved {
  std::string_view property, why;
};
constexpr std::string_view kSettled = "an event is settled only when all replicas in sync have it";
constexpr std::string_view kOrdered = "the order of a repository's events rests on it";
constexpr std::string_view kPatient = "a record waits as long as it takes; timeout and maxage say when it is given up";
constexpr std::array<Reserved, 27> kReserved{{
    {"bootstrap.servers", "write it as brokers"},
    {"metadata.broker.list", "write it as brokers"},
    {"compression.codec", "write it as compression"},
    {"compression.type", "write it as compression"},
    {"security.protocol", "it follows from sasl and tls"},
    {"sasl.", "write it below sasl: mechanism, username, password"},
    {"ssl.ca.location", "write it as tls.ca"},
    {"ssl.certificate.location", "write it as tls.certificate"},
    {"ssl.key.location", "write it as tls.key"},
    {"enable.ssl.certificate.verification", "write it as tls.insecureskipverify"},
    {"ssl.endpoint.identification.algorithm", "write it as tls.insecureskipverify"},
    {"acks", kSettled},
    {"request.required.acks", kSettled},
    {"delivery.report.only.error", kSettled},
    {"enable.idempotence", kOrdered},
    {"enable.gapless.guarantee", kOrdered},
    {"queuing.strategy", kOrdered},
    {"max.in.flight", kOrdered},
    {"max.in.flight.requests.per.connection", kOrdered},
    {"message.timeout.ms", kPatient},
    {"delivery.timeout.ms", kPatient},
    {"retries", kPatient},
    {"message.send.max.retries", kPatient},
    {"transactional.id", "no transactions are made: an event's id (ce_id) tells a repeated one"},
    {"plugin.library.paths", "no code is loaded"},
    {"log.queue", "librdkafka's log goes into this log"},
    {"enabled_events", "its events are served by this process"},
}};

}  // namespace

std::string_view WhyReserved(std::string_view property) {
  const auto at = std::ranges::find_if(kReserved, [property](const Reserved& reserved) {
    return reserved.property.ends_with('.') ? property.starts_with(reserved.property) : property == reserved.property;
  });
  return at == kReserved.end() ? std::string_view() : at->why;
}

bool IsSecretProperty(std::string_view name) {
  constexpr std::array<std::string_view, 5> kMarks{"password", "secret", "key.pem", "jaas", "token"};
  return std::ranges::any_of(kMarks,
                             [&](std::string_view mark) { return name.find(mark) != std::string_view::npos; }) ||
         name == "sasl.oauthbearer.config";
}

}  // namespace portcall::sinks
