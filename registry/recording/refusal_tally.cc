#include "registry/recording/refusal_tally.h"

#include <array>
#include <utility>

namespace portcall::registry {
namespace {

constexpr std::array kEventTexts{&store::Event::repository, &store::Event::tag, &store::Event::digest,
                                 &store::Event::actor};
constexpr std::array kDetailTexts{&store::Details::request_id,
                                  &store::Details::request_addr,
                                  &store::Details::request_host,
                                  &store::Details::request_method,
                                  &store::Details::request_useragent,
                                  &store::Details::request_uri,
                                  &store::Details::peer,
                                  &store::Details::forwarded,
                                  &store::Details::tls_subject,
                                  &store::Details::error_code,
                                  &store::Details::note};

// Clears in `all` whatever differs in `one`, so that an event for many says only what they have in common.
void KeepCommon(RefusalTally::Folded& all, const RefusalTally::Folded& one) {
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

std::size_t BytesOf(const RefusalTally::Folded& folded) {
  std::size_t bytes = store::BytesOf(folded.event) + sizeof(store::Details);
  for (const auto text : kDetailTexts) bytes += (folded.details.*text).size();
  return bytes;
}

}  // namespace

Draft RefusalTally::Folded::Seal() && { return Sealed(std::move(event), details); }

bool RefusalTally::IsSingle(const Draft& draft, runtime::SteadyTime now) {
  if (!end_) end_ = now + minute_;
  Tally* tally = TallyOf(draft);
  if (tally != nullptr && tally->singly < kSingly) {
    ++tally->singly;
    return true;
  }
  Fold(tally, draft);
  return false;
}

RefusalTally::Tally* RefusalTally::TallyOf(const Draft& draft) {
  std::string key = draft.event.actor;
  key.append(1, '\0').append(draft.origin->client_ip);
  if (const auto found = tallies_.find(key); found != tallies_.end()) return &found->second;
  const std::size_t bytes = sizeof(Tally) + 2 * key.size();
  if (tallies_.size() == kKeys || bytes_ + bytes > kMaxBytes) return nullptr;
  bytes_ += bytes;
  return &tallies_.try_emplace(std::move(key)).first->second;
}

void RefusalTally::Fold(Tally* tally, const Draft& draft) {
  Folded one{draft.event, DetailsOf(draft.event, draft.details, *draft.origin)};
  one.details.request_addr = draft.origin->client_ip;  // each new connection has another port
  if (tally != nullptr && !tally->folded) {
    const std::size_t bytes = BytesOf(one);
    if (bytes_ + bytes > kMaxBytes) {
      tally = nullptr;
    } else {
      bytes_ += bytes;
    }
  }
  std::optional<Folded>& all = tally != nullptr ? tally->folded : others_;
  if (all) {
    KeepCommon(*all, one);
  } else {
    all = std::move(one);
  }
  ++all->details.count;
}

std::vector<RefusalTally::Folded> RefusalTally::Take() {
  std::vector<Folded> folded;
  for (auto& [key, tally] : tallies_) {
    if (tally.folded) folded.push_back(std::move(*tally.folded));
  }
  if (others_) {
    others_->details.note = "refused to more clients than are told apart";
    folded.push_back(std::move(*others_));
  }
  tallies_.clear();
  bytes_ = 0;
  others_.reset();
  end_.reset();
  return folded;
}

}  // namespace portcall::registry
