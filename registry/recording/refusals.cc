#include "registry/recording/refusals.h"

#include <array>
#include <utility>

namespace portcall::registry {
namespace {

// How often the clock is asked whether the minute is over.
constexpr std::chrono::seconds kLook{1};

constexpr std::array kEventTexts{&store::Event::repository, &store::Event::tag, &store::Event::digest,
                                 &store::Event::actor};
constexpr std::array kDetailTexts{
    &store::Details::request_id,     &store::Details::request_addr,      &store::Details::request_host,
    &store::Details::request_method, &store::Details::request_useragent, &store::Details::request_uri,
    &store::Details::peer,           &store::Details::forwarded,         &store::Details::tls_subject,
    &store::Details::error_code};

}  // namespace

// Clears in `all` whatever differs in `one`, so that an event for many says only what they have in common.
void Refusals::KeepCommon(Folded& all, const Folded& one) {
  for (const auto text : kEventTexts) {
    if (all.event.*text != one.event.*text) (all.event.*text).clear();
  }
  for (const auto text : kDetailTexts) {
    if (all.details.*text != one.details.*text) (all.details.*text).clear();
  }
  if (all.details.status != one.details.status) all.details.status = 0;
  all.details.actor_verified = all.details.actor_verified && one.details.actor_verified;
  if (all.event.repository.empty()) {
    all.event.kind = store::Kind::kSystem;
  } else if (all.event.kind != one.event.kind) {
    all.event.kind = store::Kind::kRepository;
  }
}

void Refusals::Fold(std::optional<Folded>& all, const Draft& draft, std::string_view address) {
  Folded one{draft.event, DetailsOf(draft)};
  one.details.request_addr = address;
  if (all) {
    KeepCommon(*all, one);
  } else {
    all = std::move(one);
  }
  ++all->details.count;
}

Refusals::Refusals(PullRecorder& recorder, const runtime::Clock& clock)
    : recorder_(recorder), clock_(clock), thread_([this] { Run(); }) {}

Refusals::~Refusals() {
  {
    const runtime::MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyOne();
  thread_.join();
  recorder_.Add(TakeFolded());
}

Task<void> Refusals::Record(Draft draft, std::string_view address) {
  EndMinute();
  if (!IsSingle(draft, address)) co_return;
  // Waits while the queue is full. The result can be ignored, because only durable events fail.
  [[maybe_unused]] const Result<void> queued =
      co_await recorder_.Record(std::move(draft), config::PullEvents::kRelaxed);
}

bool Refusals::IsSingle(const Draft& draft, std::string_view address) {
  std::string key = draft.event.actor;
  key.append(1, '\0').append(address);
  bool begins = false;
  {
    const runtime::MutexLock lock(mutex_);
    begins = !end_;
    if (begins) end_ = clock_.Ticks() + kMinute;
    auto found = tallies_.find(key);
    if (found == tallies_.end() && tallies_.size() < kKeys) found = tallies_.try_emplace(std::move(key)).first;
    if (found == tallies_.end()) {
      Fold(others_, draft, address);
      return false;
    }
    Tally& tally = found->second;
    if (tally.singly == kSingly) {
      Fold(tally.folded, draft, address);
      return false;
    }
    ++tally.singly;
  }
  if (begins) wake_.NotifyOne();
  return true;
}

void Refusals::EndMinute() {
  std::vector<Draft> folded;
  {
    const runtime::MutexLock lock(mutex_);
    if (!end_ || clock_.Ticks() < *end_) return;
    folded = TakeFolded();
  }
  recorder_.Add(std::move(folded));
}

std::vector<Draft> Refusals::TakeFolded() {
  std::vector<Draft> folded;
  const auto take = [&folded](Folded& all) { folded.push_back(Sealed(std::move(all.event), all.details)); };
  for (auto& [key, tally] : tallies_) {
    if (tally.folded) take(*tally.folded);
  }
  if (others_) {
    others_->details.note = "refused to more clients than are told apart";
    take(*others_);
  }
  tallies_.clear();
  others_.reset();
  end_.reset();
  return folded;
}

void Refusals::Run() {
  bool last = false;
  while (!last) {
    {
      const runtime::MutexLock lock(mutex_);
      while (!stopping_ && !end_) wake_.Wait(mutex_);
      const auto until = std::chrono::steady_clock::now() + kLook;
      while (!stopping_ && wake_.WaitUntil(mutex_, until)) {
      }
      last = stopping_;
    }
    EndMinute();
  }
}

}  // namespace portcall::registry
