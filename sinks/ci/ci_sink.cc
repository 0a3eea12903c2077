#include "sinks/ci/ci_sink.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <utility>

#include "config/hidden.h"
#include "runtime/clock.h"
#include "runtime/http/client.h"
#include "sinks/ci/ci_answer.h"
#include "sinks/ci/ci_request.h"
#include "sinks/ci/limit_spell.h"
#include "sinks/failing_parts.h"
#include "sinks/http/answer.h"
#include "sinks/http/client_options.h"
#include "sinks/http/rate_limit.h"
#include "sinks/http/redactor.h"
#include "sinks/http/redirects.h"
#include "sinks/http/retry_after.h"

namespace portcall::sinks {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kReadAnswer = 1024 * 1024;  // where the answer itself is read
constexpr std::size_t kKeepLookups = 1024;        // full: all are asked for again
constexpr auto kPartsKept = 1min;                 // beyond what a lane can wait
constexpr std::chrono::milliseconds kShortestLimit = 1s;
constexpr auto kBetweenWarnings = 1min;

class CiSink final : public Sink {
 public:
  CiSink(const config::Endpoint& endpoint, std::shared_ptr<const CiPreset> preset, CiRequests requests,
         Redactor redactor, Redirects redirects, runtime::Log& log)
      : preset_(std::move(preset)),
        requests_(std::move(requests)),
        redactor_(std::move(redactor)),
        redirects_(std::move(redirects)),
        hidden_(endpoint.hidden),
        timeout_(endpoint.timeout),
        resend_on_stale_(endpoint.retry_on_timeout),
        longest_limit_(endpoint.max_retry_after),
        log_(log),
        name_(endpoint.name),
        parts_(requests_.part_noun(), 2 * endpoint.max_backoff + endpoint.timeout + kPartsKept) {
    capacity_.window = static_cast<std::size_t>(std::max(1, endpoint.concurrency));
  }
  void Connect(const Surroundings& around, http::ClientOptions options) {
    const bool reads = preset_->reads_answer() || !preset_->lookup.word.empty();
    options.keep_body = reads ? kReadAnswer : kKeepAnswer;
    options.max_body = std::max(options.max_body, options.keep_body);
    options.max_idle = capacity_.window;
    client_ = std::make_unique<http::Client>(around.executor, around.resolver, std::move(options));
  }

  Capacity capacity() const override { return capacity_; }
  Task<Outcome> Deliver(Batch batch) override;
  std::string Trouble() const override;
  bool Stalled() const override { return false; }
  void Interrupt() override { client_->Interrupt(); }
  void Abort() override { client_->Abort(); }

 private:
  using Key = std::pair<CiRequests::Route, std::string>;
  struct Found {
    std::string value;
    Outcome failed;  // where value is empty
  };

  Task<Outcome> Start(store::EventPtr event);
  Task<Found> LookUp(store::EventPtr event, Key key, runtime::SteadyTime deadline);
  void Keep(const http::Incoming& answer, Outcome& outcome);
  void Limit(std::chrono::milliseconds wait, Outcome& outcome);
  void Blame(const store::Event& event, Outcome& outcome);
  void BlameLimit(Outcome& outcome) const;
  void Warn(const std::vector<std::string>& not_started, const store::Event& event) const;
  bool IsOfPart(const Outcome& outcome) const;

  const std::shared_ptr<const CiPreset> preset_;
  const CiRequests requests_;
  const Redactor redactor_;
  const Redirects redirects_;
  const std::vector<std::string> hidden_;
  const std::chrono::milliseconds timeout_;
  const bool resend_on_stale_;
  const std::chrono::milliseconds longest_limit_;
  runtime::Log& log_;
  const std::string name_;
  Capacity capacity_;
  std::unique_ptr<http::Client> client_;
  std::map<Key, std::string> looked_up_;
  FailingParts parts_;
  std::string limit_;  // what the system last said of a limit
  LimitSpell limits_;
  runtime::SteadyTime next_warning_{};  // of a limit
};

Outcome Undeliverable(std::string why) {
  Outcome outcome;
  outcome.verdict = Verdict::kUndeliverable;
  outcome.error = std::move(why);
  outcome.maybe_received = false;
  return outcome;
}

std::chrono::milliseconds Until(runtime::SteadyTime deadline) {
  const auto left = deadline - runtime::SystemClock().Ticks();
  return std::max(std::chrono::milliseconds(1), std::chrono::duration_cast<std::chrono::milliseconds>(left));
}

Task<Outcome> CiSink::Deliver(Batch batch) {
  const auto started = runtime::SystemClock().Ticks();
  const store::EventPtr event = batch.events.front();
  Outcome outcome = co_await Start(event);
  outcome.error = config::Hidden(std::move(outcome.error), hidden_);
  if (outcome.status != 0 && outcome.blames != Blames::kNobody) limits_.Over(started);
  Blame(*event, outcome);
  outcome.latency = runtime::SystemClock().Ticks() - started;
  co_return outcome;
}

Task<Outcome> CiSink::Start(store::EventPtr event) {
  const runtime::SteadyTime deadline = runtime::SystemClock().Ticks() + timeout_;
  const auto route = requests_.RouteOf(event->repository);
  if (!route) co_return Undeliverable("no route of this endpoint fits the repository");

  Found found;
  const Key key(*route, requests_.Unresolved(*event, *route));
  if (!key.second.empty()) {
    found = co_await LookUp(event, key, deadline);
    if (found.value.empty()) co_return std::move(found.failed);
  }
  auto call = requests_.Request(*event, *route, found.value);
  if (!call) co_return Undeliverable(call.error().detail);

  Outcome outcome;
  outcome.maybe_received = false;
  const http::Outgoing request{call->head,
                               call->body,
                               resend_on_stale_,
                               &outcome.maybe_received,
                               /*head_suffices=*/!preset_->reads_answer(),
                               /*cut_counts=*/true};
  auto answer = co_await client_->Send(request, Until(deadline));
  if (!answer) {
    outcome.error = std::move(answer).error().detail;
    co_return outcome;
  }
  // maybe_received is true again
  const bool cut = answer->cut || answer->body.size() >= kReadAnswer;
  const CiReply reply{answer->status, answer->body, answer->location, cut};
  outcome = JudgeCi(*preset_, reply);
  Warn(NotStarted(*preset_, reply), *event);
  if (outcome.verdict != Verdict::kDelivered) {
    Keep(*answer, outcome);
    looked_up_.erase(key);  // what was looked up may have been deleted and made anew
  }
  co_return outcome;
}

void CiSink::Warn(const std::vector<std::string>& not_started, const store::Event& event) const {
  if (not_started.empty()) return;
  std::string names;
  for (const std::string& name : not_started) names += (names.empty() ? "" : ", ") + name;
  names = config::Hidden(redactor_.Redact(names.substr(0, kKeepAnswer), names.size() > kKeepAnswer), hidden_);
  log_.Warn("some builds were not started; the others were, so the push is not sent again",
            {{"endpoint", name_}, {"event", event.id}, {"not started", names}});
}

// No such project any more, none that these credentials may see or use, or other credentials than the rest has.
bool CiSink::IsOfPart(const Outcome& outcome) const {
  if (outcome.verdict == Verdict::kGone || outcome.blames == Blames::kPart) return true;
  if (outcome.verdict != Verdict::kFailed || outcome.blames != Blames::kEndpoint) return false;
  constexpr std::array<int, 3> kOfProject{403, 404, 409};
  return std::ranges::find(kOfProject, outcome.status) != kOfProject.end() ||
         (outcome.status == 401 && !requests_.one_login());
}

void CiSink::Blame(const store::Event& event, Outcome& outcome) {
  if (outcome.blames == Blames::kNobody) return BlameLimit(outcome);
  const auto route = requests_.RouteOf(event.repository);
  if (!route || requests_.part_noun().empty()) {
    if (outcome.blames == Blames::kPart) outcome.blames = Blames::kEndpoint;
    return;
  }
  if (outcome.verdict == Verdict::kDelivered) {
    parts_.Succeeded(requests_.PartOf(event, *route));
  } else if (IsOfPart(outcome)) {
    outcome.verdict = Verdict::kFailed;
    outcome.blames = Blames::kPart;
    parts_.Failed(requests_.PartOf(event, *route), outcome.error, runtime::SystemClock().Ticks());
  }
}

Task<CiSink::Found> CiSink::LookUp(store::EventPtr event, Key key, runtime::SteadyTime deadline) {
  Found found;
  if (const auto kept = looked_up_.find(key); kept != looked_up_.end()) {
    found.value = kept->second;
    co_return found;
  }
  auto call = requests_.Lookup(*event, key.first);
  if (!call) {
    found.failed = Undeliverable(call.error().detail);
    co_return found;
  }
  const http::Outgoing request{call->head, {}, /*resend_on_stale=*/true, nullptr};
  auto answer = co_await client_->Send(request, Until(deadline));
  if (!answer) {
    found.failed.error = std::move(answer).error().detail;
  } else if (answer->status != 200) {
    found.failed = JudgeCi(*preset_, {.status = answer->status});
    if (found.failed.verdict == Verdict::kDelivered) found.failed.verdict = Verdict::kFailed;
    found.failed.error = "looking up " + preset_->lookup.word + ": answered " + found.failed.error;
    Keep(*answer, found.failed);
  } else if (const auto values = ValuesAt(answer->body, preset_->lookup.take); values.empty()) {
    found.failed.status = answer->status;
    found.failed.error = "looking up " + preset_->lookup.word + ": the answer holds none";
    Keep(*answer, found.failed);
  } else {
    if (looked_up_.size() >= kKeepLookups) looked_up_.clear();
    found.value = looked_up_[key] = values.front();
  }
  found.failed.maybe_received = false;  // nothing was started
  co_return found;
}

void CiSink::Keep(const http::Incoming& answer, Outcome& outcome) {
  if (answer.status / 100 == 3) outcome.error += redirects_.Explain(answer.location, redactor_);
  const runtime::WallTime now = runtime::SystemClock().Now();
  outcome.retry_after = ParseRetryAfter(answer.retry_after, now);
  if (const auto wait = RateLimitOf(answer, now)) Limit(*wait, outcome);
  outcome.answer =
      redactor_.Redact(answer.body.substr(0, kKeepAnswer), answer.cut || answer.body.size() >= kKeepAnswer);
}

// The system takes no request now, whatever it is for: neither event nor project is to blame, and the endpoint waits.
void CiSink::Limit(std::chrono::milliseconds wait, Outcome& outcome) {
  // An operator who wants no such waits: then it is a failure as any.
  if (std::min(wait, longest_limit_) < kShortestLimit) return;
  const runtime::SteadyTime now = runtime::SystemClock().Ticks();
  const bool known = limits_.waits(now);
  wait = limits_.Met(wait, longest_limit_, now);
  outcome.blames = Blames::kNobody;
  outcome.retry_after = wait;
  outcome.maybe_received = false;  // nothing was started
  if (known) return;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  limit_ =
      "a rate limit was reached (" + outcome.status_text + "): nothing is sent for " + std::to_string(seconds) + " s";
  if (!limits_.begins() || now < next_warning_) return;
  next_warning_ = now + kBetweenWarnings;
  log_.Warn("a rate limit was reached",
            {{"endpoint", name_}, {"answer", outcome.status_text}, {"seconds", std::to_string(seconds)}});
}

// One that does not end is the endpoint's failure, with all that follows from one.
void CiSink::BlameLimit(Outcome& outcome) const {
  const runtime::SteadyTime now = runtime::SystemClock().Ticks();
  if (!limits_.endless(now)) return;
  outcome.blames = Blames::kEndpoint;
  outcome.error +=
      "; it has answered with nothing but rate limits for " + std::to_string(limits_.lasted(now).count()) + " minutes";
}

std::string CiSink::Trouble() const {
  const runtime::SteadyTime now = runtime::SystemClock().Ticks();
  std::string text = config::Hidden(parts_.Text(now), hidden_);
  if (limits_.waits(now)) text = limit_ + (text.empty() ? "" : "; " + text);
  return text;
}

Redactor MakeRedactor(const config::Endpoint& endpoint, const http::ClientOptions& to, const CiRequests& requests) {
  config::HeaderList secrets = SecretsOfProxy(to);
  secrets.insert(secrets.end(), endpoint.headers.begin(), endpoint.headers.end());
  for (const std::string& brought : endpoint.hidden) secrets.emplace_back("secret", brought);
  for (std::string& secret : requests.Secrets()) secrets.emplace_back("secret", std::move(secret));
  return {secrets, to.url};
}

}  // namespace

Result<std::unique_ptr<Sink>> MakeCi(const config::Endpoint& endpoint, const Surroundings& around) {
  const auto wrong = [&endpoint](const std::string& why) {
    return Error(Errc::kInvalid, "endpoint " + endpoint.name + ": " + why);
  };
  const auto ci = endpoint.As<CiConfig>();
  if (ci == nullptr || ci->definition == nullptr) return wrong("a preset is wanted");
  auto url = http::ParseUrl(endpoint.url.empty() ? ci->definition->url : endpoint.url);
  if (!url) return wrong(url.error().detail);
  auto requests = CiRequests::Make(endpoint, *url);
  if (!requests) return wrong(requests.error().detail);

  auto options = ClientOptionsOf(endpoint, *url, around.log);
  if (!options) return wrong(options.error().detail);
  Redactor redactor = MakeRedactor(endpoint, *options, *requests);
  auto sink = std::make_unique<CiSink>(endpoint, ci->definition, *std::move(requests), std::move(redactor),
                                       Redirects(*url), around.log);
  sink->Connect(around, *std::move(options));
  return std::unique_ptr<Sink>(std::move(sink));
}

}  // namespace portcall::sinks
