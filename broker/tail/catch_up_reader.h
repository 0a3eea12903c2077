#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <vector>

#include "broker/tail/event_ring.h"
#include "runtime/gate.h"
#include "runtime/task.h"
#include "store/store.h"

namespace portcall::broker {

// Pages of the log for endpoints that lag behind the ring. All endpoints share the pages, so a backlog is read once for
// those that go through it together; a page is read by one query, and two queries run at a time, in the order asked.
// The page after one that was handed out is read ahead. Lives on the broker's loop.
class CatchUpReader {
 public:
  static constexpr store::Seq kPageEvents = 1'024;  // in a page at most; it ends earlier when it is full
  static constexpr std::size_t kPageBytes = 4 << 20;
  static constexpr std::size_t kMaxBytes = 16 << 20;  // beyond that, the least recently used pages go

  struct Chunk {
    std::shared_ptr<const std::vector<store::EventPtr>> events;
    store::Seq through = 0;  // nothing but these lies between the page's start and there
  };

  CatchUpReader(store::Store& store, Executor executor) : store_(store), executor_(executor) {}

  // The page that holds after+1, as far as `head`; its first events may lie before that. An event larger than a page
  // makes one of its own.
  Task<Result<Chunk>> Read(store::Seq after, store::Seq head);
  Task<> Stop();

 private:
  struct Page {
    Chunk chunk;
    std::size_t bytes = 0;
    std::list<store::Seq>::iterator used;
  };
  using Pages = std::map<store::Seq, Page>;  // by the place after which each begins
  Pages::iterator Find(store::Seq after);
  store::Seq StartOf(store::Seq after) const;  // of the page that is to hold after+1
  Task<Result<Chunk>> Load(store::Seq from, store::Seq head);
  Task<> Prefetch(store::Seq from, store::Seq head);
  void Keep(store::Seq from, const Chunk& chunk);
  Task<> Enter();
  void Leave();

  store::Store& store_;
  Executor executor_;
  runtime::Gate gate_;
  Pages pages_;
  std::list<store::Seq> used_;  // the last used first
  std::size_t bytes_ = 0;
  std::map<store::Seq, std::vector<Resume<bool>>> loading_;
  int running_ = 0;
  std::deque<Resume<bool>> turns_;
};

// Puts into the ring what the log has gained since the ring began, before anybody called Append. Blocks.
Result<void> ReadNewest(EventRing& ring, store::Store& store);

}  // namespace portcall::broker
