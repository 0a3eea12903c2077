// What a store's work costs in a short log and in a long one, in rounds that alternate.
//   bench_growth folder=DIR short=10000 long=1000000 rounds=7
// Prints "name short long" for each kind of work and round, in microseconds.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "store/cursors.h"
#include "store/event_log.h"
#include "store/lane.h"
#include "store/retention.h"
#include "store/store.h"
#include "tests/bench/arguments.h"
#include "tests/bench/sample_event.h"

namespace portcall::store {
namespace {

constexpr int kBatch = 500;     // of events in a job
constexpr int kRepeated = 200;  // of what takes microseconds
constexpr int kDead = 500;
constexpr const char* kEndpoint = "bench";
const std::string kLane = LaneOfRepository("", "library/app-7");

template <class T>
T Need(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().detail);
  return std::move(*result);
}
void Need(const Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().detail);
}

// One database, which is as long after a round as before it.
class Log {
 public:
  Log(std::filesystem::path file, int events) {
    options_.database = std::move(file);
    options_.reserve_bytes = 0;
    Open();
    for (int written = 0; written < events; written += kBatch) AppendBatch();
    Cursor cursor;
    cursor.endpoint = kEndpoint;
    cursor_ = Need(store_->WriteNow([&](Tx& tx) -> Result<std::int64_t> { return PutCursor(tx, cursor); }));
    Settlement settlement = Next(0);
    for (int i = 0; i < kDead; ++i) {
      DeadLetter letter;
      letter.endpoint = kEndpoint;
      letter.event = Sample(i);
      letter.event.seq = i + 1;
      letter.reason = "rejected";
      settlement.dead.push_back(letter);
    }
    Write(settlement);
  }
  ~Log() { store_->Close(); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void AppendBatch() {
    auto append = [this](Tx& tx) -> Result<Seq> {
      Seq last = 0;
      for (int i = 0; i < kBatch; ++i) last = Append(tx, Sample(made_ + i));
      return last;
    };
    head_ = Need(store_->WriteNow(append));
    made_ += kBatch;
  }
  // As the tail reads for an endpoint that lags: a page where it stands, and a parked lane of it.
  void ReadToDeliver() {
    Need(store_->ReadNow([this](Snapshot& s) -> Result<std::size_t> {
      const std::size_t page = ReadEvents(s, settled_, head_, {kBatch}).events.size();
      return page + ReadLane(s, kLane, settled_, head_, {32}).events.size();
    }));
  }
  void SettleOne() {
    Settlement settlement = Next(settled_);
    if (number_ % 2 == 1) {  // nothing is parked after an even number of them
      settlement.unpark = {kLane};
    } else {
      settlement.park = {{kLane, settled_ + 1, 1, 0, 0, "503"}};
    }
    AttemptRow attempt;
    attempt.seq = settled_ + 1;
    attempt.delivered = true;
    settlement.attempts = {attempt};
    Write(settlement);
  }
  void PassBatch() { Write(Next(settled_ + kBatch)); }
  // One look at the log that finds a batch to delete.
  void Sweep() {
    Need(store_->ReadNow([](Snapshot& s) -> Result<Seq> { return SizeOf(s).passed + ReachOldest(s, 1 << 20); }));
    const auto deleted = Need(
        store_->WriteNow([](Tx& tx) -> Result<std::size_t> { return DeleteUnneeded(tx, Retain{}, {kBatch}).events; }));
    if (deleted != kBatch) throw std::runtime_error("deleted " + std::to_string(deleted));
  }
  void Count() {
    const auto dead =
        Need(store_->ReadNow([](Snapshot& s) -> Result<std::int64_t> { return CountDead(s, kEndpoint); }));
    if (dead != kDead) throw std::runtime_error("dead letters: " + std::to_string(dead));
  }
  void Close() { store_->Close(); }
  void Open() {
    store_ = Need(Store::Open(options_, pool_));
    Need(store_->ReadNow([](Snapshot& s) -> Result<Seq> {
      for (const Cursor& cursor : LoadCursors(s)) LoadParked(s, cursor.id);
      return Head(s) + Tail(s) + SizeOf(s).passed;
    }));
  }

 private:
  Settlement Next(Seq settled) {
    settled_ = settled;
    Settlement settlement;
    settlement.cursor = cursor_;
    settlement.number = ++number_;
    settlement.settled_through = settlement.through = settled;
    return settlement;
  }
  void Write(const Settlement& settlement) {
    Need(store_->WriteNow([&](Tx& tx) { return Settle(tx, settlement); }));
  }

  asio::thread_pool pool_{2};
  StoreOptions options_;
  std::unique_ptr<Store> store_;
  std::int64_t cursor_ = 0, number_ = 0;
  Seq settled_ = 0, head_ = 0;
  int made_ = 0;
};

double Microseconds(const std::function<void()>& work, int times) {
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < times; ++i) work();
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begun;
  return took.count() / times;
}

struct Work {
  const char* name;
  int times;
  std::function<void(Log&)> prepare, run;
};

std::vector<Work> AllWork() {
  const auto nothing = [](Log&) {};
  return {
      {"append", 4, nothing, &Log::AppendBatch},
      {"delivery", 20, nothing, &Log::ReadToDeliver},
      {"settlement", kRepeated, nothing, &Log::SettleOne},
      {"sweep", 4,
       [](Log& log) {
         for (int i = 0; i < 4; ++i) log.PassBatch();
       },
       &Log::Sweep},
      {"dead", kRepeated, nothing, &Log::Count},
      {"start", 1, &Log::Close, &Log::Open},
  };
}

int Run(const bench::Arguments& arguments) {
  const std::filesystem::path folder = std::filesystem::absolute(arguments.Text("folder", "."));
  Log brief(folder / "short.db", static_cast<int>(arguments.Number("short", 10'000)));
  Log lengthy(folder / "long.db", static_cast<int>(arguments.Number("long", 1'000'000)));
  const int rounds = static_cast<int>(arguments.Number("rounds", 7));
  for (int round = -1; round < rounds; ++round) {  // the first warms up
    for (const Work& work : AllWork()) {
      double took[2] = {};
      for (int turn = 0; turn < 2; ++turn) {
        const int which = (turn + round) & 1;
        Log& log = which ? lengthy : brief;
        work.prepare(log);
        took[which] = Microseconds([&] { work.run(log); }, work.times);
      }
      if (round >= 0) std::printf("%s %.2f %.2f\n", work.name, took[0], took[1]);
    }
  }
  return 0;
}

}  // namespace
}  // namespace portcall::store

int main(int argc, char** argv) {
  try {
    return portcall::store::Run(portcall::bench::Arguments(argc, argv));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
