#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "app/commands/asking.h"

namespace portcall::app {
namespace {

struct Options {
  std::string endpoint;
  std::int64_t limit = 100;
  bool json = false, all = false, failed = false;
};

void Add(Table& table, const Answer& attempt) {
  const std::int64_t events = attempt.Count("events"), seq = attempt.Count("seq"), status = attempt.Count("status");
  const bool delivered = attempt.Flag("delivered"), superseded = attempt.Flag("superseded");
  const std::string number = std::to_string(attempt.Count("attempt"));
  table.Add({Seconds(attempt.Text("at")), attempt.Text("endpoint"),
             events > 1 ? std::to_string(events) + " from " + std::to_string(seq) : std::to_string(seq),
             superseded ? "-" : number,
             delivered ? Table::Cell("delivered", Colour::kGreen)
                       : Table::Cell(superseded ? "superseded" : "failed", superseded ? Colour::kGrey : Colour::kRed),
             status > 0 ? std::to_string(status) : "-", std::to_string(attempt.Count("latency_us") / 1'000),
             attempt.Text("error")});
}

int List(const Options& options, const Asking& asking) {
  const Listing listing{"/api/v1/attempts",
                        "attempts",
                        "before",
                        {{"endpoint", options.endpoint}, {"failed", options.failed ? "true" : ""}}};
  std::vector<Answer> all;
  std::int64_t next = 0;
  if (const int code = asking.ReadList(listing, options.all ? 0 : options.limit, all, next); code != kDone) return code;
  if (all.empty()) {
    if (const int code = asking.CheckEndpoint(options.endpoint); code != kDone) return code;
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
  CLI::App* noun = AddNoun(program, invocation, "attempts", "what was sent, try by try; of the running server");
  const auto options = std::make_shared<Options>();
  CLI::App* list = AddVerb(*noun, invocation, "list", "the newest first", options, List);
  list->add_option("--endpoint", options->endpoint, "of this endpoint alone")->check(GivenName());
  list->add_flag("--failed", options->failed, "those that failed alone");
  list->add_option("--limit", options->limit, "how many (100)")->check(PlainNumber(1, kLargestPage));
  list->add_flag("--all", options->all, "however many there are");
}

}  // namespace portcall::app
