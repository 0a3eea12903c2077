#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/tail/event_ring.h"
#include "broker/tail/large_events.h"
#include "broker/tail/turns.h"
#include "runtime/gate.h"
#include "runtime/task.h"
#include "store/event_log.h"
#include "store/store.h"

namespace portcall::broker {

// Pages of the log for endpoints that lag behind the ring, and events of single lanes. All endpoints share the pages,
// so a backlog is read once for those that go through it together, and a page by one query for all who wait for it. Two
// queries for pages and two for lanes run at a time, in the order asked. The page after one that was handed out is read
// ahead.
//
// Whoever reads may be called off: he sets the flag that he gave, which outlives the call, and calls LookAgain. A read
// that has not begun then ends at once with kCancelled; one query of each read that has begun runs to its end.
//
// Lives on the broker's loop.
class CatchUpReader {
 public:
  static constexpr store::Seq kPageEvents = 1'024;  // in a page at most; it ends earlier when it is full
  static constexpr std::size_t kPageBytes = 4 << 20;
  static constexpr std::size_t kMaxBytes = 16 << 20;  // beyond that, the least recently used pages go

  struct Chunk {
    std::shared_ptr<const std::vector<store::EventPtr>> events;
    store::Seq through = 0;  // nothing but these lies between the page's start and there
  };

  CatchUpReader(store::Store& store, Executor executor);

  // The page that holds after+1, as far as `head`; its first events may lie before that. An event larger than a page
  // makes one of its own.
  Task<Result<Chunk>> Read(store::Seq after, store::Seq head, const bool& called_off);
  // As store::ReadLane.
  Task<Result<store::Portion>> ReadLane(std::string lane, store::Seq after, store::Seq through, store::Limit limit,
                                        const bool& called_off);
  // Whoever reads of the log by itself shares what it has read, best where it was read.
  LargeEvents& large_events() { return large_; }
  void LookAgain();  // a flag was set
  void EndAhead();   // shutdown: reads nothing ahead any more
  Task<> Stop();     // all reads have ended; waits for what is read ahead

 private:
  struct Page {
    Chunk chunk;
    std::size_t bytes = 0;
    std::list<store::Seq>::iterator used;
  };
  using Pages = std::map<store::Seq, Page>;  // by the place after which each begins
  Pages::iterator Find(store::Seq after);
  store::Seq StartOf(store::Seq after) const;           // of the page that is to hold after+1
  using Loaded = std::shared_ptr<const Result<Chunk>>;  // null: who loaded it was called off
  struct Waiting {
    Resume<Loaded> resume;
    const bool* called_off;
  };
  Task<Result<Chunk>> Load(store::Seq from, store::Seq head, const bool& called_off);
  template <class F>
  Task<Result<store::Portion>> Ask(F read);
  Task<Result<Chunk>> Query(store::Seq from, store::Seq through);
  Task<> Prefetch(store::Seq from, store::Seq head);
  void Keep(store::Seq from, const Chunk& chunk);

  store::Store& store_;
  Executor executor_;
  LargeEvents large_;
  runtime::Gate gate_;
  Pages pages_;
  std::list<store::Seq> used_;  // the last used first
  std::size_t bytes_ = 0;
  std::map<store::Seq, std::vector<Waiting>> loading_;
  Turns page_turns_, lane_turns_;
  bool no_more_ahead_ = false;
};

// Puts into the ring what the log has gained since the ring began, before anybody called Append. Blocks.
Result<void> ReadNewest(EventRing& ring, store::Store& store);

}  // namespace portcall::broker
