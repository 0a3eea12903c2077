#include "broker/tail/catch_up_reader.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "store/event_log.h"

namespace portcall::broker {
namespace {

constexpr int kPageQueries = 2, kLaneQueries = 2;

store::Seq EndOfBlock(store::Seq after) {
  return (after / CatchUpReader::kPageEvents + 1) * CatchUpReader::kPageEvents;
}

Error CalledOff() { return {Errc::kCancelled, "called off"}; }

}  // namespace

CatchUpReader::CatchUpReader(store::Store& store, Executor executor)
    : store_(store), executor_(executor), page_turns_(kPageQueries), lane_turns_(kLaneQueries) {}

CatchUpReader::Pages::iterator CatchUpReader::Find(store::Seq after) {
  const auto behind = pages_.upper_bound(after);
  if (behind == pages_.begin()) return pages_.end();
  const auto page = std::prev(behind);
  return page->second.chunk.through > after ? page : pages_.end();
}

// Pages begin at multiples of kPageEvents, or where the one before was full.
store::Seq CatchUpReader::StartOf(store::Seq after) const {
  const store::Seq block = after - after % kPageEvents;
  const auto behind = pages_.upper_bound(after);
  if (behind == pages_.begin()) return block;
  return std::max(block, std::prev(behind)->second.chunk.through);
}

Task<Result<CatchUpReader::Chunk>> CatchUpReader::Read(store::Seq after, store::Seq head, const bool& called_off) {
  const auto known = Find(after);
  const store::Seq next = known == pages_.end() ? EndOfBlock(after) : known->second.chunk.through;
  if (!no_more_ahead_ && EndOfBlock(next) <= head && Find(next) == pages_.end() && !loading_.contains(next)) {
    runtime::Spawn(executor_, gate_, Prefetch(next, head));
  }
  store::Seq from = 0;
  while (!called_off) {
    if (const auto found = Find(after); found != pages_.end()) {
      used_.splice(used_.begin(), used_, found->second.used);
      co_return found->second.chunk;
    }
    from = std::max(from, StartOf(after));
    if (const auto other = loading_.find(from); other != loading_.end()) {
      const Loaded loaded = co_await Suspend<Loaded>(
          [&](Resume<Loaded> resume) { other->second.push_back({std::move(resume), &called_off}); });
      // Where it does not come so far, it was read for a shorter log, or was full before.
      if (loaded && !called_off && (!*loaded || (**loaded).through > after)) co_return *loaded;
      continue;
    }
    Result<Chunk> chunk = co_await Load(from, head, called_off);
    if (!chunk || chunk->through > after || chunk->through >= head) co_return chunk;
    from = chunk->through;  // the page was full before it came so far
  }
  co_return CalledOff();
}

Task<Result<CatchUpReader::Chunk>> CatchUpReader::Load(store::Seq from, store::Seq head, const bool& called_off) {
  loading_[from];
  const store::Seq through = std::min(head, EndOfBlock(from));
  Result<Chunk> result = CalledOff();
  const bool entered = co_await page_turns_.Enter(called_off);
  if (entered) {
    result = co_await Query(from, through);
    page_turns_.Leave();
  }
  // Only a page that does not end with the log never changes.
  if (result && (result->through < through || through == EndOfBlock(from))) Keep(from, *result);
  const auto loaded = entered ? std::make_shared<const Result<Chunk>>(result) : Loaded();
  auto waiting = loading_.extract(from);
  for (Waiting& one : waiting.mapped()) one.resume(loaded);
  co_return result;
}

template <class F>
Task<Result<store::Portion>> CatchUpReader::Ask(F read) {
  auto query = [&](store::Snapshot& s) -> Result<store::Portion> {
    store::Portion portion = read(s);
    large_.Share(portion.events);
    return portion;
  };
  co_return co_await store_.Read(query);
}

Task<Result<CatchUpReader::Chunk>> CatchUpReader::Query(store::Seq from, store::Seq through) {
  Result<store::Portion> read = co_await Ask([from, through](store::Snapshot& s) {
    return ReadEvents(s, from, through, {static_cast<std::size_t>(kPageEvents), kPageBytes});
  });
  if (!read) co_return read.error();
  co_return Chunk{std::make_shared<const std::vector<store::EventPtr>>(std::move(read->events)), read->through};
}

Task<> CatchUpReader::Prefetch(store::Seq from, store::Seq head) {
  if (Find(from) != pages_.end() || loading_.contains(from)) co_return;
  // A failure is ignored here: whoever wants the page reads it again and reports the error.
  (void)co_await Load(from, head, no_more_ahead_);
}

Task<Result<store::Portion>> CatchUpReader::ReadLane(std::string lane, store::Seq after, store::Seq through,
                                                     store::Limit limit, const bool& called_off) {
  if (!co_await lane_turns_.Enter(called_off)) co_return CalledOff();
  Result<store::Portion> page =
      co_await Ask([&](store::Snapshot& s) { return store::ReadLane(s, lane, after, through, limit); });
  lane_turns_.Leave();
  co_return page;
}

void CatchUpReader::LookAgain() {
  page_turns_.LookAgain();
  lane_turns_.LookAgain();
  for (auto& [from, waiting] : loading_) {
    for (Waiting& one : waiting) {
      if (*one.called_off) one.resume(nullptr);
    }
    std::erase_if(waiting, [](const Waiting& one) { return !one.resume; });
  }
}

void CatchUpReader::EndAhead() {
  no_more_ahead_ = true;
  LookAgain();
}

void CatchUpReader::Keep(store::Seq from, const Chunk& chunk) {
  if (pages_.contains(from)) return;
  used_.push_front(from);
  std::size_t bytes = 0;
  for (const store::EventPtr& event : *chunk.events) bytes += BytesOf(*event);
  pages_[from] = Page{chunk, bytes, used_.begin()};
  bytes_ += bytes;
  while (bytes_ > kMaxBytes && used_.size() > 1) {
    const auto oldest = pages_.find(used_.back());
    bytes_ -= oldest->second.bytes;
    pages_.erase(oldest);
    used_.pop_back();
  }
}

Task<> CatchUpReader::Stop() {
  EndAhead();
  gate_.Close();
  co_await gate_.Drained();
}

Result<void> ReadNewest(EventRing& ring, store::Store& store) {
  auto query = [after = ring.head()](store::Snapshot& s) -> Result<store::Portion> {
    return store::ReadEvents(s, after, store::Head(s), {SIZE_MAX});
  };
  const auto newest = store.ReadNow(query);
  if (!newest) return newest.error();
  (void)ring.Append(newest->events);
  ring.Awake();
  return {};
}

}  // namespace portcall::broker
