#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "app/commands/asking.h"
#include "runtime/http/url.h"

namespace portcall::app {
namespace {

constexpr const char* kEvents = "/api/v1/events";

struct Options {
  std::string what;  // of show
  std::string repository, tag, digest, action, since;
  std::int64_t limit = 100;
  bool json = false, all = false;
};

int Read(const Options& options, const Asking& asking, std::vector<Answer>& events, std::int64_t& next) {
  const Listing listing{kEvents,
                        "events",
                        "before",
                        {{"repository", options.repository},
                         {"tag", options.tag},
                         {"digest", options.digest},
                         {"action", options.action},
                         {"since", options.since}}};
  return asking.ReadList(listing, options.all ? 0 : options.limit, events, next);
}

std::string What(const Answer& event) { return event.Text("repository").empty() ? event.Text("kind") : ImageOf(event); }

int List(const Options& given, const Asking& asking) {
  Options options = given;
  if (const int code = asking.ReadSince(options.since); code != kDone) return code;
  std::vector<Answer> all;
  std::int64_t next = 0;
  if (const int code = Read(options, asking, all, next); code != kDone) return code;
  if (options.json) {
    asking.out() << Answer::Of("events", all, next).Print();
    return kDone;
  }
  if (all.empty()) asking.out() << "no such events are in the log\n";
  if (all.empty()) return kDone;
  Table table({"SEQ", "RECORDED", "ACTION", "WHAT", "ACTOR", "ID"});
  for (const Answer& event : all) {
    table.Add({std::to_string(event.Count("seq")), Seconds(event.Text("recorded_at")), event.Text("action"),
               What(event), event.Text("actor"), event.Text("id")});
  }
  table.Print(asking.out(), asking.terminal());
  if (next > 0) asking.out() << "there are more: say --all\n";
  return kDone;
}

bool IsDigest(std::string_view text) { return text.starts_with("sha256:") || text.starts_with("sha512:"); }

// What is named otherwise than by its ID or seq: the newest push of it is meant. False: it is an ID or a seq.
bool IsReference(const std::string& what, Options& push) {
  push.action = "push";
  push.limit = 1;
  if (IsDigest(what)) {
    push.digest = what;
    return true;
  }
  const std::size_t at = what.find('@'), slash = what.rfind('/'), colon = what.rfind(':');
  if (at != std::string::npos) {
    push.repository = what.substr(0, at);
    push.digest = what.substr(at + 1);
    return true;
  }
  const bool tagged = colon != std::string::npos && (slash == std::string::npos || colon > slash);
  if (!tagged && slash == std::string::npos) return false;
  push.repository = what.substr(0, tagged ? colon : std::string::npos);
  if (tagged) push.tag = what.substr(colon + 1);
  return true;
}

Colour ColourOf(const std::string& verdict) {
  if (verdict == "delivered") return Colour::kGreen;
  if (verdict == "dead" || verdict == "expired" || verdict == "given up") return Colour::kRed;
  return verdict == "parked" || verdict == "pending" ? Colour::kYellow : Colour::kGrey;
}

std::string Milliseconds(std::int64_t micros) {
  constexpr std::int64_t kPerMilli = 1'000;
  return micros < kPerMilli ? std::to_string(micros) + " us" : std::to_string(micros / kPerMilli) + " ms";
}

std::string Detail(const Answer& verdict) {
  std::string detail = verdict.Text("detail");
  if (verdict.Text("verdict") == "delivered") {
    const std::int64_t status = verdict.Count("status");
    detail = (status != 0 ? "answered " + std::to_string(status) + " in " : "in ") +
             Milliseconds(verdict.Count("latency_us"));
  }
  const std::string state = verdict.Text("state"), reason = verdict.Text("state_reason");
  if (state.empty() || state == "ok" || verdict.Flag("removed")) return detail;
  detail += "; the endpoint is " + state;
  if (!reason.empty()) detail += ": " + reason;
  if (const std::string next = verdict.Text("next_try"); !next.empty()) detail += "; it is tried at " + Seconds(next);
  return detail;
}

void PrintEvent(const Asking& asking, const Answer& trace) {
  const auto line = [&](const char* title, const std::string& value) {
    if (!value.empty()) asking.out() << title << Printable(value) << '\n';
  };
  const Answer event = trace.Member("event");
  line("event      ", event ? event.Text("action") + " " + What(event) : "no longer in the log");
  line("id         ", event.Text("id"));
  line("seq        ", std::to_string(trace.Count("seq")));
  line("recorded   ", event.Text("recorded_at"));
  if (!event.Text("tag").empty()) line("digest     ", event.Text("digest"));
  line("actor      ", event.Text("actor"));
  if (event && !trace.Flag("in_log")) line("           ", "no longer in the log: this is a dead letter's copy");
}

void PrintVerdicts(const Asking& asking, const std::vector<Answer>& verdicts) {
  if (verdicts.empty()) {
    asking.out() << "no endpoint knows of it\n";
    return;
  }
  Table table({"ENDPOINT", "VERDICT", "WHEN", "TRIES", "WHY"});
  std::vector<std::int64_t> dead;
  for (const Answer& verdict : verdicts) {
    const std::string word = verdict.Text("verdict"), until = verdict.Text("until");
    const std::string when = until.empty() ? Seconds(verdict.Text("at")) : "until " + Seconds(until);
    const std::int64_t tries = verdict.Count("attempts");
    table.Add({verdict.Text("endpoint") + (verdict.Flag("removed") ? " (removed)" : ""),
               {word, ColourOf(word)},
               when.empty() ? "-" : when,
               tries > 0 ? std::to_string(tries) : "-",
               Detail(verdict)});
    if (const std::int64_t id = verdict.Count("dead_letter"); id > 0) dead.push_back(id);
  }
  table.Print(asking.out(), asking.terminal());
  for (const std::int64_t id : dead) asking.out() << "its last answer: portcall dead show " << id << '\n';
}

int Show(const Options& options, const Asking& asking) {
  std::string what = options.what;
  Options push;
  if (what.empty() || what.ends_with(':') || what.ends_with('@') || what.starts_with(':') || what.starts_with('@')) {
    return asking.Refuse("'" + what + "' names no push: a part of it is empty");
  }
  if (IsReference(what, push)) {
    std::vector<Answer> found;
    std::int64_t next = 0;
    if (const int code = Read(push, asking, found, next); code != kDone) return code;
    if (found.empty()) return asking.Refuse("no push of " + what + " is in the log");
    what = std::to_string(found.front().Count("seq"));
  }
  return asking.Ask("GET", std::string(kEvents) + "/" + http::PercentEncode(what), [&](const Answer& trace) {
    if (options.json) {
      asking.out() << trace.Print();
      return kDone;
    }
    PrintEvent(asking, trace);
    asking.out() << '\n';
    PrintVerdicts(asking, trace.List("endpoints"));
    return kDone;
  });
}

}  // namespace

void AddEvents(CLI::App& program, Invocation& invocation) {
  CLI::App* noun = AddNoun(program, invocation, "events", "what was pushed, and where it went; of the running server");
  const auto options = std::make_shared<Options>();
  const auto add = [&](const char* name, const char* what, int (*act)(const Options&, const Asking&)) {
    return AddVerb(*noun, invocation, name, what, options, act);
  };
  CLI::App* list = add("list", "the newest first", List);
  list->add_option("--repository", options->repository, "of this one alone, or a glob")->check(GivenName());
  list->add_option("--tag", options->tag, "of this one alone, or a glob")->check(GivenName());
  list->add_option("--digest", options->digest, "of this one alone")->check(GivenName());
  list->add_option("--action", options->action, "push, pull, mount, delete, …")->check(GivenName());
  list->add_option("--since", options->since, "recorded since a time, or in the last while, such as 2h")
      ->check(GivenName());
  list->add_option("--limit", options->limit, "how many (100)")->check(PlainNumber(1, kLargestPage));
  list->add_flag("--all", options->all, "however many there are");
  add("show", "one, and what became of it at each endpoint", Show)
      ->add_option("WHAT", options->what,
                   "its ID or seq; or the newest push of REPOSITORY:TAG, REPOSITORY@DIGEST, DIGEST or REPOSITORY/…")
      ->required()
      ->check(GivenName());
}

}  // namespace portcall::app
