#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "sinks/kafka/producer.h"

// The part of KafkaProducer that makes its client, listens to it and replaces it.
namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;
using Stored = KafkaReport::Stored;

constexpr auto kCondemnedFor = 2s;  // librdkafka reports purged messages at once

runtime::SteadyTime Now() { return runtime::SystemClock().Ticks(); }

}  // namespace

Result<void> KafkaProducer::MakeClient() {
  auto made = KafkaClient::Make(options_.settings, options_.topics, lookup_threads_);
  if (!made) return Error(made.error());
  client_ = std::move(*made);
  ++generation_;
  return {};
}

Result<void> KafkaProducer::Attach() {
  wakeup_.emplace(executor_);
  error_code ec;
  wakeup_->assign(client_->wakeup_fd(), ec);
  if (!ec) {
    Listen();
    return {};
  }
  wakeup_.reset();
  Dismiss();
  return Error(Errc::kUnavailable, ec.message());
}

void KafkaProducer::Start() {
  if (options_.on_demand) return;
  if (client_ != nullptr && !Attach()) renewal_.Failed(Now());
  Renew();
}

// Sees to it that there is a client. False: there can be none yet; it is tried again when there can.
bool KafkaProducer::Renew() {
  if (client_ != nullptr) return true;
  const runtime::SteadyTime now = Now();
  if (now >= renewal_.at()) {
    Result<void> made = MakeClient();
    if (made) made = Attach();
    if (made) return true;
    renewal_.Failed(now);
    const std::string text = "no Kafka producer can be made: " + made.error().detail;
    if (log_filter_.Admit("MAKE", text, now)) log_.Error(Shown(text), {{"endpoint", options_.endpoint}});
    Worry(RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, text);
  }
  ComeBackIn(renewal_.at() - now);
  return false;
}

void KafkaProducer::Listen() {
  wakeup_->async_wait(asio::posix::descriptor_base::wait_read,
                      [weak = std::weak_ptr(anchor_), generation = generation_](error_code ec) {
                        const Anchor alive = weak.lock();
                        if (!ec && alive && (*alive)->generation_ == generation) (*alive)->Serve();
                      });
}

void KafkaProducer::Serve() {
  const std::shared_ptr<KafkaClient> client = client_;  // a fatal error may put another one in its place
  KafkaClient::Spent spent;
  const bool more = client->Serve(*this, spent);
  if (!spent.empty()) Free(client, std::move(spent));
  const std::size_t generation = generation_;
  if (!condemned_.empty() && in_flight_.empty()) Retire();
  SendWaiting();
  if (generation != generation_ || client_ == nullptr) return;
  if (!more) return Listen();
  asio::post(executor_, [weak = std::weak_ptr(anchor_), generation] {
    const Anchor alive = weak.lock();
    if (alive && (*alive)->generation_ == generation) (*alive)->Serve();
  });
}

// Frees on a lane, because freeing costs as much as sending. Only afterwards has librdkafka's queue room again.
void KafkaProducer::Free(std::shared_ptr<KafkaClient> client, KafkaClient::Spent spent) {
  ++freeing_;
  threads_.freeing->Post([client = std::move(client), spent = std::move(spent), bodies = std::exchange(bodies_, {}),
                          executor = executor_, weak = std::weak_ptr(anchor_)]() mutable {
    spent.clear();
    bodies.clear();  // not before the messages
    asio::post(executor, [weak = std::move(weak)] {
      const Anchor alive = weak.lock();
      if (!alive) return;
      --(*alive)->freeing_;
      (*alive)->SendWaiting();
    });
  });
}

// This client takes nothing more. Its messages are reported, those at fault with their own error; then it is replaced.
void KafkaProducer::Condemn(std::string reason, bool for_another) {
  if (!condemned_.empty() || client_ == nullptr) return;
  if (!for_another) renewal_.Failed(Now());
  condemned_for_another_ = for_another;
  condemned_ = std::move(reason);
  client_->Purge();
  ComeBackIn(in_flight_.empty() ? 0s : kCondemnedFor);
}

void KafkaProducer::ComeBackIn(runtime::SteadyTime::duration wait) {
  timer_.expires_after(wait);
  timer_.async_wait([weak = std::weak_ptr(anchor_), generation = generation_](error_code ec) {
    const Anchor alive = weak.lock();
    if (ec || !alive || (*alive)->generation_ != generation) return;
    if ((*alive)->condemned_.empty()) {
      (*alive)->Renew();
    } else {
      (*alive)->Retire();
    }
    (*alive)->SendWaiting();
  });
}

void KafkaProducer::Retire() {
  const std::string reason = std::exchange(condemned_, {});
  timer_.cancel();
  Dismiss();
  while (!in_flight_.empty()) {
    KafkaFlight& flight = in_flight_.front();
    flight.unlink();
    End(flight, FailedWith(reason, Stored::kPossibly, condemned_for_another_));
  }
  for (Topic& topic : topics_) topic.limit.Shrink(Now());
  Renew();
}

// The client ends on a lane: its destructor waits for librdkafka's threads. It is purged at once, because the lane
// may be busy, and until then it would still send.
void KafkaProducer::Dismiss() {
  if (client_ == nullptr) return;
  ++generation_;
  for (KafkaFlight& flight : in_flight_) {
    if (flight.message.body) client_->Keep(std::move(flight.message.body));
  }
  client_->Purge();
  client_->Silence();
  if (wakeup_) wakeup_->release();  // the client closes its descriptor
  wakeup_.reset();
  threads_.ending->Post([client = std::move(client_)]() mutable { client.reset(); });
  client_.reset();
}

std::optional<runtime::SteadyTime> KafkaProducer::Oldest() const {
  std::optional<runtime::SteadyTime> oldest;
  const auto look = [&oldest](const Flights& flights) {
    if (!flights.empty()) oldest = std::min(oldest.value_or(flights.front().since), flights.front().since);
  };
  look(in_flight_);
  look(waiting_);
  for (const Topic& topic : topics_) look(topic.held);
  return oldest;
}

// librdkafka lets no single message go, so all that are under way end with the one that is overdue.
void KafkaProducer::WatchPatience() {
  const std::optional<runtime::SteadyTime> oldest = Oldest();
  if (!options_.gives_up || watching_ || !oldest) return;
  watching_ = true;
  patience_.expires_after(std::max(*oldest + options_.patience - Now(), runtime::SteadyTime::duration(1ms)));
  patience_.async_wait([weak = std::weak_ptr(anchor_)](error_code ec) {
    const Anchor alive = weak.lock();
    if (ec || !alive) return;
    KafkaProducer& self = **alive;
    self.watching_ = false;
    const std::optional<runtime::SteadyTime> since = self.Oldest();
    if (since && Now() - *since >= self.options_.patience) {
      self.EndAll({RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, Stored::kPossibly, -1, "no confirmation in time"});
    }
    self.WatchPatience();
  });
}

void KafkaProducer::Interrupt() { EndAll(FailedWith("stopping", Stored::kPossibly)); }

// Leaves no client behind: the next message makes one.
void KafkaProducer::EndAll(const KafkaReport& report) {
  condemned_.clear();
  timer_.cancel();
  Dismiss();
  std::vector<Flights*> all{&waiting_};
  for (Topic& topic : topics_) all.push_back(&topic.held);
  all.push_back(&in_flight_);
  for (Flights* flights : all) {
    while (!flights->empty()) {
      KafkaFlight& flight = flights->front();
      flight.unlink();
      KafkaReport of_this = report;
      if (flights != &in_flight_) of_this.stored = Stored::kNo;
      End(flight, std::move(of_this));
    }
  }
}

void KafkaProducer::Abort() {
  aborted_ = true;
  Interrupt();
}

}  // namespace portcall::sinks
