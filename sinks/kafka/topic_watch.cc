#include "sinks/kafka/topic_watch.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>

#include "config/hidden.h"
#include "runtime/text.h"
#include "runtime/timer.h"

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 1s;        // how long one query may hold its thread
constexpr auto kFirstRetry = 5s;      // doubled up to kInterval until the brokers answer
constexpr auto kInterval = 5min;      // between answers
constexpr auto kWhileMissing = 1min;  // so that a topic that was made since is seen

}  // namespace

struct KafkaTopicWatch::State : std::enable_shared_from_this<State> {
  State(std::string name, const KafkaMessages& messages, Current client, std::vector<std::string> secrets,
        const Surroundings& around)
      : endpoint(std::move(name)),
        topics(messages.expected()),
        current(std::move(client)),
        hidden(std::move(secrets)),
        executor(around.executor),
        log(around.log),
        lanes(around.lanes),
        timer(around.executor) {}

  void Ask();
  void Answered(Result<KafkaClient::PartitionCounts> counts);
  void Again(std::chrono::steady_clock::duration after);

  const std::string endpoint;
  const std::vector<std::size_t> topics;
  Current current;
  const std::vector<std::string> hidden;
  Executor executor;
  runtime::Log& log;
  runtime::Lanes& lanes;
  Timer timer;
  KafkaClient::PartitionCounts known;
  std::vector<std::string> missing;
  std::chrono::steady_clock::duration retry = kFirstRetry;
  bool ended = false;
};

void KafkaTopicWatch::State::Ask() {
  std::shared_ptr<KafkaClient> client = current();
  const auto lane = lanes.Of("Kafka " + endpoint);
  if (client == nullptr || !lane) return Again(retry);
  // The client is released on the lane, not on the loop: its last holder waits for librdkafka's threads.
  (*lane)->Post([self = weak_from_this(), client = std::move(client), places = topics, to = executor,
                 work = asio::make_work_guard(executor)]() mutable {
    auto counts = client->Partitions(places, kPatience);
    client.reset();
    asio::post(to, [self = std::move(self), counts = std::move(counts), w = std::move(work)]() mutable {
      const auto state = self.lock();
      if (state && !state->ended) state->Answered(std::move(counts));
    });
  });
}

void KafkaTopicWatch::State::Answered(Result<KafkaClient::PartitionCounts> counts) {
  if (!counts) {
    Again(retry);
    retry = std::min<std::chrono::steady_clock::duration>(2 * retry, kInterval);
    return;
  }
  retry = kFirstRetry;
  const Finding finding = Compare(known, *counts);
  if (finding.missing != missing && !finding.missing.empty()) {
    log.Error("Kafka topics do not exist: create them, or correct the endpoint's topic",
              {{"endpoint", endpoint}, {"topics", config::Hidden(runtime::Joined(finding.missing), hidden)}});
  }
  missing = finding.missing;
  for (const std::string& change : finding.changed) {
    log.Warn(
        "the number of partitions changed: events of a repository from now on may be in another partition than "
        "those before",
        {{"endpoint", endpoint}, {"topic", config::Hidden(change, hidden)}});
  }
  Again(missing.empty() ? std::chrono::steady_clock::duration(kInterval) : kWhileMissing);
}

void KafkaTopicWatch::State::Again(std::chrono::steady_clock::duration after) {
  timer.expires_after(after);
  timer.async_wait([weak = weak_from_this()](error_code ec) {
    const auto state = weak.lock();
    if (!ec && state && !state->ended) state->Ask();
  });
}

KafkaTopicWatch::KafkaTopicWatch(std::string endpoint, const KafkaMessages& messages, Current current,
                                 std::vector<std::string> hidden, const Surroundings& around)
    : state_(std::make_shared<State>(std::move(endpoint), messages, std::move(current), std::move(hidden), around)) {
  state_->Ask();
}

KafkaTopicWatch::~KafkaTopicWatch() {
  state_->ended = true;
  state_->timer.cancel();
}

KafkaTopicWatch::Finding KafkaTopicWatch::Compare(KafkaClient::PartitionCounts& known,
                                                  const KafkaClient::PartitionCounts& now) {
  Finding finding;
  for (const auto& [topic, count] : now) {
    if (count == 0) {
      finding.missing.push_back(topic);
      continue;
    }
    int& before = known.try_emplace(topic, count).first->second;
    if (before == count) continue;
    finding.changed.push_back(topic + ": " + std::to_string(before) + ", now " + std::to_string(count));
    before = count;
  }
  return finding;
}

}  // namespace portcall::sinks
