#include "broker/tail/catch_up_reader.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "store/event_log.h"

namespace portcall::broker {
namespace {

constexpr int kQueries = 2;

}  // namespace

Task<Result<CatchUpReader::Chunk>> CatchUpReader::Read(store::Seq after, store::Seq head) {
  const store::Seq page = after / kPageEvents;
  const store::Seq next = page + 1;
  if ((next + 1) * kPageEvents <= head && !pages_.contains(next) && !loading_.contains(next)) {
    runtime::Spawn(executor_, gate_, Prefetch(next, head));
  }
  while (true) {
    if (const auto found = pages_.find(page); found != pages_.end()) {
      used_.splice(used_.begin(), used_, found->second.used);
      co_return found->second.chunk;
    }
    const auto other = loading_.find(page);
    if (other == loading_.end()) break;
    co_await Suspend<bool>([other](Resume<bool> resume) { other->second.push_back(std::move(resume)); });
  }
  co_return co_await Load(page, head);
}

Task<Result<CatchUpReader::Chunk>> CatchUpReader::Load(store::Seq page, store::Seq head) {
  loading_[page];
  co_await Enter();
  const store::Seq from = page * kPageEvents;
  const store::Seq through = std::min(head, from + kPageEvents);
  Result<Chunk> result = Error(Errc::kUnavailable, "the log could not be read");
  try {
    auto query = [from, through](store::Snapshot& s) -> Result<std::vector<store::EventPtr>> {
      return store::ReadEvents(s, from, through, static_cast<std::size_t>(kPageEvents));
    };
    Result<std::vector<store::EventPtr>> events = co_await store_.Read(query);
    if (events) {
      result = Chunk{std::make_shared<const std::vector<store::EventPtr>>(std::move(*events)), through};
    } else {
      result = events.error();
    }
  } catch (const std::exception& e) {
    result = Error(Errc::kUnavailable, std::string("the log could not be read: ") + e.what());
  }
  Leave();
  // A page is complete once the log has gone beyond it; only then does it never change.
  if (result && through == from + kPageEvents) Keep(page, *result);
  auto waiting = loading_.extract(page);
  for (Resume<bool>& resume : waiting.mapped()) resume(true);
  co_return result;
}

Task<> CatchUpReader::Prefetch(store::Seq page, store::Seq head) {
  if (pages_.contains(page) || loading_.contains(page)) co_return;
  // A failure is ignored here: whoever wants the page reads it again and reports the error.
  (void)co_await Load(page, head);
}

void CatchUpReader::Keep(store::Seq page, const Chunk& chunk) {
  used_.push_front(page);
  std::size_t bytes = 0;
  for (const store::EventPtr& event : *chunk.events) bytes += BytesOf(*event);
  pages_[page] = Page{chunk, bytes, used_.begin()};
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
  auto query = [after = ring.head()](store::Snapshot& s) -> Result<std::vector<store::EventPtr>> {
    return store::ReadEvents(s, after, store::Head(s), SIZE_MAX / 2);
  };
  const auto events = store.ReadNow(query);
  if (!events) return events.error();
  (void)ring.Append(*events);
  ring.Awake();
  return {};
}

}  // namespace portcall::broker
