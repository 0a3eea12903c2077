#include "app/admin/event_calls.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>
#include <utility>

#include "app/admin/event_shapes.h"
#include "broker/trace.h"
#include "config/glob.h"
#include "config/reader/scalars.h"
#include "runtime/text.h"
#include "runtime/time.h"
#include "store/event_log.h"

namespace portcall::app {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLooking(2'000);  // all of them, for an id that tells another time than its own
constexpr store::Seq kNewest = std::numeric_limits<store::Seq>::max();

bool HasWildcards(std::string_view glob) { return glob.find_first_of("*?") != std::string_view::npos; }

struct Question {
  store::Backwards what;
  std::string repository, tag, digest;  // globs that no index reads; empty: any
  std::optional<store::Action> action;
  std::int64_t since = 0;

  // What is sent again is in the log a second time: it happened once.
  bool Fits(const store::Event& event) const {
    return !event.retrial && (!action || event.action == *action) && (digest.empty() || event.digest == digest) &&
           (repository.empty() || config::GlobMatches(repository, event.repository)) &&
           (tag.empty() || config::GlobMatches(tag, event.tag));
  }
};

Result<Question> Ask(const Call& call) {
  Question question;
  const auto before = call.Number("before", kNewest, 1), limit = call.Number("limit", kUsualPage, 1);
  if (!before) return Error(Errc::kInvalid, "before is no seq of an event");
  if (!limit || *limit > kLargestPage) return Error(Errc::kInvalid, "limit is no number from 1 to 1000");
  question.what.before = *before;
  question.what.limit = static_cast<std::size_t>(*limit);
  auto repository = call.Glob("repository"), tag = call.Glob("tag");
  if (!repository) return repository.error();
  if (!tag) return tag.error();
  const bool by_index = !repository->empty() && !HasWildcards(*repository);
  const bool by_tag = by_index && !tag->empty() && !HasWildcards(*tag);
  (by_index ? question.what.repository : question.repository) = std::move(*repository);
  (by_tag ? question.what.tag : question.tag) = std::move(*tag);
  question.digest = call.Find("digest").value_or("");
  if (const auto action = call.Find("action")) {
    question.action = store::ActionOf(*action);
    if (!question.action) return Error(Errc::kInvalid, "there is no action " + config::Quoted(*action));
  }
  const auto since = call.Time("since");
  if (!since) return since.error();
  question.since = *since;
  return question;
}

// The event of that id, looked for in all of the log, for as long as a call may take. `looked_to`: how far, 0: all of
// it.
Result<store::Seq> Search(const Call& call, store::Seq& looked_to) {
  const auto until = steady_clock::now() + kLooking;
  looked_to = kNewest;
  while (steady_clock::now() < until) {
    store::Backwards what;
    what.before = looked_to;
    what.limit = 1;
    what.wanted = [&call](const store::Event& event) { return event.id == call.name; };
    what.goes_on = ForSoLong(kLook);
    store::Seq tail = 0;
    const auto page = call.sources.store.ReadNow([&](store::Snapshot& s) -> Result<store::Portion> {
      tail = store::Tail(s);
      return store::ReadBackwards(s, what);
    });
    if (!page) return page.error();
    if (!page->events.empty()) return page->events.front()->seq;
    looked_to = std::min(looked_to, page->through);
    if (looked_to > tail) continue;
    looked_to = 0;
    break;
  }
  return store::Seq{0};
}

}  // namespace

AdminAnswer ListEvents(const Call& call) {
  auto question = Ask(call);
  if (!question) return Problem(question.error());
  store::Backwards& what = question->what;
  what.wanted = [&question](const store::Event& event) { return question->Fits(event); };
  store::Seq first = 0;
  const auto page = call.sources.store.ReadNow([&](store::Snapshot& s) -> Result<store::Portion> {
    if (question->since != 0) what.after = store::FirstSince(s, question->since) - 1;
    first = std::max(what.after + 1, store::Tail(s));
    what.before = std::min(what.before, store::Head(s) + 1);
    what.goes_on = ForSoLong(kLook);
    return store::ReadBackwards(s, what);
  });
  if (!page) return Problem(page.error());
  return Json(EventsJson(*page, page->through > first ? page->through : 0));
}

AdminAnswer ShowEvent(const Call& call) {
  const auto seq =
      call.sources.store.ReadNow([&](store::Snapshot& s) -> Result<store::Seq> { return broker::SeqOf(s, call.name); });
  if (!seq) return Problem(seq.error());
  const bool is_number = runtime::ParseNumber<store::Seq>(call.name).has_value();
  store::Seq found = *seq, looked_to = 0;
  if (found == 0 && !is_number) {
    const auto searched = Search(call, looked_to);
    if (!searched) return Problem(searched.error());
    found = *searched;
  }
  if (found == 0) {
    std::string detail = "no event " + config::Quoted(call.name);
    if (looked_to > 0) detail += ", from event " + std::to_string(looked_to) + " on";
    return Problem(404, detail);
  }
  const auto trace =
      call.sources.store.ReadNow([&](store::Snapshot& s) { return broker::TraceEvent(s, found, ForSoLong(kLooking)); });
  return trace ? Json(TraceJson(*trace, call.sources.broker.Status())) : Problem(trace.error());
}

}  // namespace portcall::app
