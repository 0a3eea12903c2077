#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "sinks/sink.h"

namespace portcall::broker {

// A sink whose attempts end when the test says so. On the loop.
class ManualSink final : public sinks::Sink {
 public:
  sinks::Capacity capacity() const override { return {}; }
  Task<sinks::Outcome> Deliver(sinks::Batch batch) override {
    ++delivers;
    if (aborts > 0) co_return sinks::Outcome{};
    const store::Seq seq = batch.events.front()->seq;
    co_return co_await Suspend<sinks::Outcome>(
        [this, seq](Resume<sinks::Outcome> resume) { flying_.emplace_back(seq, std::move(resume)); });
  }
  void Interrupt() override {
    ++interrupts;
    if (deaf-- <= 0) EndAll({});
  }
  void Abort() override {
    ++aborts;
    EndAll({});
  }
  Task<> Close() override {
    closed = true;
    co_return;
  }
  std::string Trouble() const override { return trouble; }

  std::vector<store::Seq> flying() const {
    std::vector<store::Seq> seqs;
    for (const auto& [seq, resume] : flying_) seqs.push_back(seq);
    return seqs;
  }
  void End(store::Seq seq, sinks::Outcome outcome) {
    const auto at = std::ranges::find(flying_, seq, [](const auto& one) { return one.first; });
    Resume<sinks::Outcome> resume = std::move(at->second);
    flying_.erase(at);
    resume(std::move(outcome));
  }
  void EndAll(const sinks::Outcome& outcome) {
    for (auto& [seq, resume] : std::exchange(flying_, {})) resume(outcome);
  }

  int delivers = 0, interrupts = 0, aborts = 0;
  int deaf = 0;  // how many interrupts do nothing
  bool closed = false;
  std::string trouble;

 private:
  std::vector<std::pair<store::Seq, Resume<sinks::Outcome>>> flying_;
};

}  // namespace portcall::broker
