#include "broker/core/ledger.h"

#include <algorithm>
#include <utility>

namespace portcall::broker {
namespace {

constexpr std::size_t kMaxRows = 1'024;

}  // namespace

void Ledger::Delivered(const store::Event& event, std::int64_t at, int attempt, int status, std::int64_t latency_us) {
  constexpr std::size_t kFewStatuses = 8;
  // Which attempt it was stands in a row of its own, as long as there is room for those.
  if (attempt > 1 && failures_.size() < kMaxRows) {
    store::AttemptRow row;
    row.seq = event.seq;
    row.at = at;
    row.attempt = attempt;
    row.delivered = true;
    row.status = status;
    row.latency_us = latency_us;
    failures_.push_back(std::move(row));
    return;
  }
  const auto same = [status](const Alike& alike) { return alike.delivered && alike.status == status; };
  const auto recent = alike_.size() > kFewStatuses ? alike_.end() - kFewStatuses : alike_.begin();
  const auto found = std::find_if(recent, alike_.end(), same);
  Alike& alike = found != alike_.end() ? *found : alike_.emplace_back(Alike{true, status, {}});
  alike.each.push_back({event.seq, at, latency_us});
}

// One event supersedes many, one after another.
void Ledger::Superseded(const store::Event& event, std::int64_t at, const std::string& by) {
  std::string why = "superseded by " + by;
  const bool same = !alike_.empty() && !alike_.back().delivered && alike_.back().error == why;
  Alike& alike = same ? alike_.back() : alike_.emplace_back(Alike{false, 0, std::move(why)});
  alike.each.push_back({event.seq, at, 0});
}

// One for each block of the log. Of a single event no list is kept.
void Ledger::AddRows(Alike& alike, std::vector<store::AttemptRow>& rows) {
  std::ranges::sort(alike.each, {}, &store::SettledEvent::seq);
  for (auto begin = alike.each.begin(); begin != alike.each.end();) {
    const store::Seq block = store::BlockOf(begin->seq);
    const auto end =
        std::find_if(begin, alike.each.end(), [block](const auto& e) { return store::BlockOf(e.seq) > block; });
    store::AttemptRow& row = rows.emplace_back();
    row.seq = begin->seq;
    row.at = begin->at;
    row.events = static_cast<std::int32_t>(end - begin);
    row.attempt = alike.delivered ? 1 : 0;
    row.delivered = alike.delivered;
    row.status = alike.status;
    row.error = alike.error;
    for (auto event = begin; event != end; ++event) row.latency_us += event->latency_us;
    row.latency_us /= row.events;
    if (row.events > 1) row.each.assign(begin, end);
    begin = end;
  }
}

void Ledger::Failed(store::AttemptRow row) {
  if (failures_.size() < kMaxRows) failures_.push_back(std::move(row));
}

Ticks Ledger::due() const {
  if (flushing_) return kNever;
  if (hurry_ || fresh_ >= kFlushEvents) return kAtOnce;
  const Ticks soon = touched_ ? *touched_ + kFlushInterval : kNever;
  const Ticks later = quiet_ ? *quiet_ + kQuietFlushInterval : kNever;
  return std::min(soon, later);
}

void Ledger::Take(store::Settlement& settlement, std::int64_t kept) {
  settlement.dead = std::exchange(dead_, {});
  dead_taken_ = std::exchange(dead_bytes_, 0);
  settlement.attempts = std::exchange(failures_, {});
  settlement.receipt = std::exchange(receipt_, {});
  for (Alike& alike : alike_) AddRows(alike, settlement.attempts);
  alike_.clear();
  kept_ += std::exchange(fresh_, 0);
  kept_after_ = kept;
  touched_.reset();
  quiet_.reset();
  hurry_ = false;
  flushing_ = true;
}

}  // namespace portcall::broker
