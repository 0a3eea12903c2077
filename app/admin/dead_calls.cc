#include "app/admin/dead_calls.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "app/admin/shapes.h"
#include "config/glob.h"
#include "config/reader/scalars.h"
#include "runtime/text.h"
#include "runtime/time.h"

namespace portcall::app {
namespace {

using store::DeadLetter;

struct Question {
  std::string endpoint, repository;  // a name, a glob; empty: any
  std::int64_t since = 0, after = 0;
  std::size_t limit = 0;

  bool Fits(const DeadLetter& dead) const {
    if (dead.died_at < since) return false;
    return repository.empty() || config::GlobMatches(repository, dead.event.repository);
  }
};

Result<Question> Ask(const Call& call) {
  Question question;
  const auto after = call.Number("after", 0, 0), limit = call.Number("limit", kUsualPage, 1);
  if (!after) return Error(Errc::kInvalid, "after is no number of a dead letter");
  if (!limit || *limit > kLargestPage) return Error(Errc::kInvalid, "limit is no number from 1 to 1000");
  question.after = *after;
  question.limit = static_cast<std::size_t>(*limit);
  if (const auto endpoint = call.Find("endpoint")) {
    if (endpoint->empty()) return Error(Errc::kInvalid, "endpoint is empty");
    question.endpoint = *endpoint;
  }
  auto repository = call.Glob("repository");
  if (!repository) return repository.error();
  question.repository = std::move(*repository);
  const auto since = call.Time("since");
  if (!since) return since.error();
  question.since = *since;
  return question;
}

struct Page {
  std::vector<DeadLetter> letters;
  std::int64_t next = 0;  // after which number the next one begins, 0: there is none
};

// Of one query: few may fit of what was looked at, and none at all.
Page PageOf(std::vector<DeadLetter> looked_at, const Question& question, bool more) {
  Page page;
  for (DeadLetter& dead : looked_at) {
    if (page.letters.size() == question.limit) {
      page.next = page.letters.back().id;
      return page;
    }
    if (question.Fits(dead)) page.letters.push_back(std::move(dead));
  }
  if (more) page.next = looked_at.back().id;
  return page;
}

std::optional<std::int64_t> IdOf(const Call& call) {
  const auto id = runtime::ParseNumber<std::int64_t>(call.name);
  return id && *id > 0 ? id : std::nullopt;
}

AdminAnswer NoDeadLetter(const Call& call) { return Problem(404, "no dead letter " + config::Quoted(call.name)); }

// The numbers that the body names.
Result<std::vector<std::int64_t>> ReadIds(const AdminRequest& request) {
  const Error misfit(Errc::kInvalid, R"(the body is no object such as {"ids": [7, 9]}, with 1 to 1000 numbers)");
  const auto json = nlohmann::json::parse(request.body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.size() != 1 || !json.contains("ids") || !json.at("ids").is_array()) return misfit;
  std::vector<std::int64_t> ids;
  for (const auto& id : json.at("ids")) {
    if (!id.is_number_integer() || id.get<std::int64_t>() <= 0) return misfit;
    ids.push_back(id.get<std::int64_t>());
  }
  if (ids.empty() || ids.size() > static_cast<std::size_t>(kLargestPage)) return misfit;
  return ids;
}

using End = Result<broker::EndedDead> (broker::Control::*)(broker::DeadIds ids, const std::string& by);

AdminAnswer EndDeadLetters(const Call& call, End end) {
  const auto ids = ReadIds(call.request);
  if (!ids) return Problem(ids.error());
  const auto ended = (call.sources.broker.*end)(*ids, call.request.by);
  return ended ? Json(EndedDeadJson(*ended)) : Problem(ended.error());
}

}  // namespace

AdminAnswer ListDeadLetters(const Call& call) {
  const auto question = Ask(call);
  if (!question) return Problem(question.error());
  const bool all_fit = question->repository.empty() && question->since == 0;
  const std::size_t most = all_fit ? question->limit : static_cast<std::size_t>(kLargestPage);
  auto looked_at = call.sources.store.ReadNow([&](store::Snapshot& s) -> Result<std::vector<DeadLetter>> {
    return store::ListDeadBriefly(s, question->endpoint, question->after, most + 1);
  });
  if (!looked_at) return Problem(looked_at.error());
  const bool more = looked_at->size() > most;
  if (more) looked_at->pop_back();
  const Page page = PageOf(std::move(*looked_at), *question, more);
  return Json(DeadLettersJson(page.letters, page.next));
}

AdminAnswer ShowDeadLetter(const Call& call) {
  const auto id = IdOf(call);
  if (!id) return NoDeadLetter(call);
  const auto found = call.sources.store.ReadNow(
      [&](store::Snapshot& s) -> Result<std::optional<DeadLetter>> { return store::FindDead(s, *id); });
  if (!found) return Problem(found.error());
  return *found ? Json(DeadLetterJson(**found)) : NoDeadLetter(call);
}

AdminAnswer DropDeadLetter(const Call& call) {
  const auto id = IdOf(call);
  if (!id) return NoDeadLetter(call);
  const auto dropped = call.sources.broker.DropDead({&*id, 1}, call.request.by);
  if (!dropped) return Problem(dropped.error());
  return dropped->left.empty() ? Done() : NoDeadLetter(call);
}

AdminAnswer DropDeadLetters(const Call& call) { return EndDeadLetters(call, &broker::Control::DropDead); }
AdminAnswer RetryDeadLetters(const Call& call) { return EndDeadLetters(call, &broker::Control::RetryDead); }

}  // namespace portcall::app
