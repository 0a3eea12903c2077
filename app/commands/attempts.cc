#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "app/commands/asking.h"
#include "runtime/http/url.h"

namespace portcall::app {
namespace {

constexpr std::int64_t kLargestPage = 1'000;

struct Options {
  std::string endpoint;
  std::int64_t limit = 100;
  bool json = false, all = false, failed = false;
};

// The page before `next`, which is then where the one after it ends, 0: there are no more.
int Read(const Options& options, const Asking& asking, std::int64_t limit, std::vector<Answer>& attempts,
         std::int64_t& next) {
  std::string target = "/api/v1/attempts?limit=" + std::to_string(limit);
  if (next > 0) target += "&before=" + std::to_string(next);
  if (!options.endpoint.empty()) target += "&endpoint=" + http::PercentEncode(options.endpoint);
  if (options.failed) target += "&failed=true";
  return asking.Ask("GET", target, [&](const Answer& answer) {
    attempts = answer.List("attempts");
    next = answer.Count("next");
    return kDone;
  });
}

// Where nothing is found of an endpoint: whether that is a name at all.
int CheckName(const Options& options, const Asking& asking) {
  if (options.endpoint.empty()) return kDone;
  return asking.Ask("GET", "/api/v1/endpoints/" + http::PercentEncode(options.endpoint),
                    [](const Answer&) { return kDone; });
}

void Add(Table& table, const Answer& attempt) {
  const std::int64_t events = attempt.Count("events"), seq = attempt.Count("seq"), status = attempt.Count("status");
  const bool delivered = attempt.Flag("delivered"), superseded = attempt.Flag("superseded");
  const std::string number = std::to_string(attempt.Count("attempt"));
  table.Add({attempt.Text("at").substr(0, 19) + "Z", attempt.Text("endpoint"),
             events > 1 ? std::to_string(events) + " from " + std::to_string(seq) : std::to_string(seq),
             superseded ? "-" : number,
             delivered ? Table::Cell("delivered", Colour::kGreen)
                       : Table::Cell(superseded ? "superseded" : "failed", superseded ? Colour::kGrey : Colour::kRed),
             status > 0 ? std::to_string(status) : "-", std::to_string(attempt.Count("latency_us") / 1'000),
             attempt.Text("error")});
}

int List(const Options& options, const Asking& asking) {
  std::vector<Answer> all, page;
  std::int64_t next = 0;
  do {
    const std::int64_t rest = options.all ? kLargestPage : options.limit - static_cast<std::int64_t>(all.size());
    if (const int code = Read(options, asking, rest, page, next); code != kDone) return code;
    all.insert(all.end(), page.begin(), page.end());
  } while (next > 0 && (options.all || static_cast<std::int64_t>(all.size()) < options.limit));
  if (all.empty()) {
    if (const int code = CheckName(options, asking); code != kDone) return code;
  }
  if (options.json) {
    asking.out() << Answer::Of("attempts", all, next).Print();
    return kDone;
  }
  if (all.empty()) asking.out() << "no attempts are recorded\n";
  if (all.empty()) return kDone;
  Table table({"AT", "ENDPOINT", "SEQ", "TRY", "RESULT", "STATUS", "MS", "ERROR"});
  for (const Answer& attempt : all) Add(table, attempt);
  table.Print(asking.out(), asking.terminal());
  if (next > 0) asking.out() << "there are more: say --all\n";
  return kDone;
}

}  // namespace

void AddAttempts(CLI::App& program, Invocation& invocation) {
  CLI::App* noun = program.add_subcommand("attempts", "what was sent, try by try; of the running server");
  noun->require_subcommand(1)->fallthrough();
  AddSocket(*noun, invocation);
  const auto options = std::make_shared<Options>();
  CLI::App* list = AddVerb(*noun, "list", "the newest first", &options->json);
  list->callback([options, &invocation] {
    invocation.run = [options, &invocation] { return List(*options, Asking(invocation)); };
  });
  list->add_option("--endpoint", options->endpoint, "of this endpoint alone")->check(GivenName());
  list->add_flag("--failed", options->failed, "those that failed alone");
  list->add_option("--limit", options->limit, "how many (100)")->check(PlainNumber(1, kLargestPage));
  list->add_flag("--all", options->all, "however many there are");
}

}  // namespace portcall::app
