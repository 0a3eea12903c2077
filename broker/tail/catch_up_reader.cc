#include "broker/tail/catch_up_reader.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "store/event_log.h"

namespace portcall::broker {
namespace {

constexpr int kQueries = 2;

store::Seq EndOfBlock(store::Seq after) {
  return (after / CatchUpReader::kPageEvents + 1) * CatchUpReader::kPageEvents;
}

}  // namespace

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

Task<Result<CatchUpReader::Chunk>> CatchUpReader::Read(store::Seq after, store::Seq head) {
  const auto known = Find(after);
  const store::Seq next = known == pages_.end() ? EndOfBlock(after) : known->second.chunk.through;
  if (EndOfBlock(next) <= head && Find(next) == pages_.end() && !loading_.contains(next)) {
    runtime::Spawn(executor_, gate_, Prefetch(next, head));
  }
  store::Seq from = 0;
  while (true) {
    if (const auto found = Find(after); found != pages_.end()) {
      used_.splice(used_.begin(), used_, found->second.used);
      co_return found->second.chunk;
    }
    from = std::max(from, StartOf(after));
    if (const auto other = loading_.find(from); other != loading_.end()) {
      co_await Suspend<bool>([other](Resume<bool> resume) { other->second.push_back(std::move(resume)); });
      continue;
    }
    Result<Chunk> chunk = co_await Load(from, head);
    if (!chunk || chunk->through > after || chunk->through >= head) co_return chunk;
    from = chunk->through;  // the page was full before it came so far
  }
}

Task<Result<CatchUpReader::Chunk>> CatchUpReader::Load(store::Seq from, store::Seq head) {
  loading_[from];
  co_await Enter();
  const store::Seq through = std::min(head, EndOfBlock(from));
  Result<Chunk> result = Error(Errc::kUnavailable, "the log could not be read");
  try {
    auto query = [from, through](store::Snapshot& s) -> Result<store::Portion> {
      return store::ReadEvents(s, from, through, {static_cast<std::size_t>(kPageEvents), kPageBytes});
    };
    Result<store::Portion> read = co_await store_.Read(query);
    if (read) {
      result = Chunk{std::make_shared<const std::vector<store::EventPtr>>(std::move(read->events)), read->through};
    } else {
      result = read.error();
    }
  } catch (const std::exception& e) {
    result = Error(Errc::kUnavailable, std::string("the log could not be read: ") + e.what());
  }
  Leave();
  // Only a page that does not end with the log never changes.
  if (result && (result->through < through || through == EndOfBlock(from))) Keep(from, *result);
  auto waiting = loading_.extract(from);
  for (Resume<bool>& resume : waiting.mapped()) resume(true);
  co_return result;
}

Task<> CatchUpReader::Prefetch(store::Seq from, store::Seq head) {
  if (Find(from) != pages_.end() || loading_.contains(from)) co_return;
  // A failure is ignored here: whoever wants the page reads it again and reports the error.
  (void)co_await Load(from, head);
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

Task<> CatchUpReader::Enter() {
  if (running_ >= kQueries) {
    co_await Suspend<bool>([this](Resume<bool> resume) { turns_.push_back(std::move(resume)); });
  } else {
    ++running_;
  }
}

// Hands the place to the next in line, if there is one.
void CatchUpReader::Leave() {
  if (turns_.empty()) {
    --running_;
    return;
  }
  Resume<bool> next = std::move(turns_.front());
  turns_.pop_front();
  next(true);
}

Task<> CatchUpReader::Stop() {
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
