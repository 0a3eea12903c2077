#include "sinks/kafka/producer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "runtime/http/resolver.h"
#include "sinks/kafka/kafka_config.h"
#include "tests/sinks/kafka/cluster.h"
#include "tests/support/loop_runner.h"

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;
using portcall::testing::LoopRunner;
using portcall::testing::MockCluster;
using portcall::testing::Record;
using ::testing::HasSubstr;

constexpr int kLanes = 5;

// What is sent of one repository, in order, and how far it was confirmed.
struct Lane {
  std::string repository;
  int confirmed = 0;
};

class KafkaProducerTest : public ::testing::Test {
 protected:
  KafkaProducerTest() : log_({runtime::Level::kFatal, "text", {}}) {
    cluster_.MakeTopic("events");
    KafkaConfig kafka;
    kafka.brokers = {cluster_.bootstrap()};
    kafka.properties = {
        {"reconnect.backoff.ms", "20"}, {"reconnect.backoff.max.ms", "50"}, {"queue.buffering.max.messages", "20"}};
    endpoint_.settings = std::make_shared<KafkaConfig>(std::move(kafka));
    runner_.Call([&] {
      auto made = KafkaProducer::Make({"stream", "", *MakeKafkaSettings(endpoint_), {"events"}, 10s},
                                      {runner_.executor(), resolver_, log_, lanes_});
      if (!made) throw std::runtime_error(made.error().detail);
      producer_ = std::move(*made);
      producer_->Start();
    });
  }
  ~KafkaProducerTest() override {
    runner_.Call([&] { producer_.reset(); });
    lanes_.Await(std::chrono::steady_clock::time_point::max());
  }

  Task<KafkaReport> Send(const Lane& lane, int number) {
    KafkaFlight flight;
    flight.lane = {{}, lane.repository};
    flight.message.key = lane.repository;
    flight.message.headers = {{"number", std::to_string(number)}};
    co_return co_await producer_->Send(flight);
  }

  // As the broker does it: all that is left goes out at once, and what follows a failure goes out again.
  void SendUntilConfirmed(std::vector<Lane>& lanes, int count) {
    for (int round = 0; round < 500; ++round) {
      std::vector<std::vector<std::future<KafkaReport>>> sent(lanes.size());
      // In one go, because a sender hands nothing in once it knows of a failure.
      runner_.Call([&] {
        for (int number = 1; number <= count; ++number) {
          for (std::size_t i = 0; i < lanes.size(); ++i) {
            if (number > lanes[i].confirmed) sent[i].push_back(runner_.Start(Send(lanes[i], number)));
          }
        }
      });
      bool all = true;
      for (std::size_t i = 0; i < lanes.size(); ++i) {
        bool unbroken = true;
        for (auto& future : sent[i]) {
          const KafkaReport report = LoopRunner::Await(std::move(future));
          unbroken = unbroken && report.stored == KafkaReport::Stored::kYes;
          if (unbroken) ++lanes[i].confirmed;
        }
        all = all && lanes[i].confirmed == count;
      }
      if (all) return;
    }
    FAIL() << "never confirmed";
  }

  void InjectFatalError() {
    runner_.Call([&] {
      if (auto client = producer_->client()) {
        rd_kafka_test_fatal_error(client->handle(), RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "injected");
      }
    });
  }

  MockCluster cluster_;
  config::Endpoint endpoint_;
  LoopRunner runner_;
  runtime::Lanes lanes_;
  http::Resolver resolver_;
  runtime::Log log_;
  std::unique_ptr<KafkaProducer> producer_;
};

TEST_F(KafkaProducerTest, AFatalErrorFailsWhatIsUnderWayAndTheNextOneIsSentByANewClient) {
  const Lane lane{"repo"};
  ASSERT_EQ(runner_.Run(Send(lane, 1)).stored, KafkaReport::Stored::kYes);
  cluster_.Down();
  auto under_way = runner_.Start(Send(lane, 2));
  InjectFatalError();
  const KafkaReport report = LoopRunner::Await(std::move(under_way));
  EXPECT_EQ(OutcomeOf(report, "events").verdict, Verdict::kFailed);
  EXPECT_THAT(report.reason, HasSubstr("injected"));
  cluster_.Up();
  EXPECT_EQ(runner_.Run(Send(lane, 2)).stored, KafkaReport::Stored::kYes);
}

TEST_F(KafkaProducerTest, NothingOvertakesAcrossFatalErrors) {
  constexpr int kCount = 400;
  std::atomic<bool> done = false;
  std::jthread saboteur([&] {
    for (int i = 0; i < 12 && !done; ++i) {
      std::this_thread::sleep_for(15ms);
      InjectFatalError();
    }
  });
  std::vector<Lane> lanes;
  for (int i = 0; i < kLanes; ++i) lanes.push_back({"repo-" + std::to_string(i)});
  SendUntilConfirmed(lanes, kCount);
  done = true;
  saboteur.join();

  std::map<std::string, std::set<int>> seen;
  std::map<std::string, int> last;
  const auto complete = [&] {
    return seen.size() == kLanes &&
           std::ranges::all_of(seen, [](const auto& lane) { return lane.second.size() == kCount; });
  };
  for (const Record& record : cluster_.Consume("events", 1'000'000, 4s)) {
    const int number = std::stoi(record.headers.at("number"));
    if (!seen[record.key].insert(number).second) continue;
    EXPECT_EQ(number, last[record.key] + 1) << "overtaken in " << record.key;
    last[record.key] = number;
  }
  EXPECT_TRUE(complete());
}

}  // namespace
}  // namespace portcall::sinks
