#include "sinks/kafka/producer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <set>
#include <thread>

#include "runtime/files.h"
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
  }
  void SetUp() override { Make(); }
  ~KafkaProducerTest() override {
    runner_.Call([&] { producer_.reset(); });
    lanes_.Await(std::chrono::steady_clock::time_point::max());
  }

  void Make(KafkaRenewal::Pauses pauses = {}) {
    runner_.Call([&] {
      producer_.reset();
      auto made = KafkaProducer::Make(
          {"stream", "", *MakeKafkaSettings(endpoint_), {"events"}, 10s, {}, std::chrono::seconds(5), pauses},
          {runner_.executor(), resolver_, log_, lanes_});
      if (!made) throw std::runtime_error(made.error().detail);
      producer_ = std::move(*made);
      producer_->Start();
    });
  }

  // Waits until the loop says so.
  bool Until(const std::function<bool()>& fits) {
    const auto until = std::chrono::steady_clock::now() + 15s;
    while (std::chrono::steady_clock::now() < until) {
      if (runner_.Call(fits)) return true;
      std::this_thread::sleep_for(2ms);
    }
    return false;
  }
  bool Troubled(std::string_view text) {
    return Until([&] { return producer_->trouble().find(text) != std::string::npos; });
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

// None asks to be admitted before the brokers are told what to answer.
class KafkaAdmissionTest : public KafkaProducerTest {
  void SetUp() override {}
};

// Each costs the brokers and this machine what a connection does.
TEST_F(KafkaAdmissionTest, ProducersThatAreNotAdmittedAreMadeFurtherAndFurtherApart) {
  cluster_.AnswerProducers(std::vector(3, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED));
  const auto began = std::chrono::steady_clock::now();
  Make({200ms, 500ms});
  KafkaReport report;
  int failed = 0;
  while ((report = runner_.Run(Send({"repo"}, 1))).stored != KafkaReport::Stored::kYes && failed < 20) {
    ++failed;
    EXPECT_THAT(report.reason, HasSubstr("grant IdempotentWrite on the cluster"));
    EXPECT_FALSE(report.for_another);
  }
  EXPECT_LE(failed, 3) << "what is sent while none may be made waits";
  EXPECT_GE(std::chrono::steady_clock::now() - began, 1100ms);
}

TEST_F(KafkaAdmissionTest, WhatWaitsForAProducerSaysWhy) {
  cluster_.AnswerProducers(std::vector(2, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED));
  Make({10s, 10s});
  ASSERT_TRUE(Until([&] { return producer_->client() == nullptr; }));
  EXPECT_TRUE(Troubled("grant IdempotentWrite on the cluster")) << "before there is anything to send";
  const Lane lane{"repo"};
  auto waiting = runner_.Start(Send(lane, 1));
  EXPECT_TRUE(Troubled("grant IdempotentWrite on the cluster"));
  EXPECT_EQ(waiting.wait_for(0s), std::future_status::timeout);
  runner_.Call([&] { producer_->Interrupt(); });
  EXPECT_EQ(OutcomeOf(LoopRunner::Await(std::move(waiting)), "events").verdict, Verdict::kFailed);
}

TEST_F(KafkaAdmissionTest, AnIdleProducerIsAdmittedAsSoonAsItMay) {
  cluster_.AnswerProducers({RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED});
  Make({1s, 1s});
  const auto first = runner_.Call([&] { return producer_->client(); });
  EXPECT_TRUE(Until([&] { return producer_->client() != nullptr && producer_->client() != first; }));
}

#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)  // which need descriptors of their own
// All descriptors of the process.
class Descriptors {
 public:
  Descriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit few{std::min<rlim_t>(256, before_.rlim_max), before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
    Take();
  }
  ~Descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  void Take() {
    for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) taken_.emplace_back(fd);
    EXPECT_EQ(errno, EMFILE);
  }

 private:
  rlimit before_{};
  std::vector<runtime::Fd> taken_;
};

TEST_F(KafkaProducerTest, WhereDescriptorsHaveRunOutItTriesAgain) {
  Make({20ms, 50ms});
  const Lane lane{"repo"};
  ASSERT_EQ(runner_.Run(Send(lane, 1)).stored, KafkaReport::Stored::kYes);
  auto descriptors = std::make_optional<Descriptors>();
  InjectFatalError();
  ASSERT_TRUE(Until([&] { return producer_->client() == nullptr; }));
  lanes_.Await(std::chrono::steady_clock::now() + 15s);  // the old one's are free
  descriptors->Take();
  auto under_way = runner_.Start(Send(lane, 2));
  EXPECT_TRUE(Troubled("no Kafka producer can be made: Too many open files"));
  EXPECT_EQ(under_way.wait_for(0s), std::future_status::timeout) << "it waits";
  descriptors.reset();
  EXPECT_EQ(LoopRunner::Await(std::move(under_way)).stored, KafkaReport::Stored::kYes);
}

TEST_F(KafkaProducerTest, IsThereWhereDescriptorsHaveRunOut) {
  runner_.Call([&] { producer_.reset(); });
  lanes_.Await(std::chrono::steady_clock::now() + 15s);
  {
    const Descriptors all;
    ASSERT_NO_THROW(Make({20ms, 50ms}));
  }
  EXPECT_EQ(runner_.Run(Send({"repo"}, 1)).stored, KafkaReport::Stored::kYes);
}
#endif

TEST_F(KafkaProducerTest, NothingOvertakesAcrossFatalErrors) {
  Make({1ms, 5ms});
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
