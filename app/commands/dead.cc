#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "app/commands/asking.h"
#include "runtime/http/url.h"

namespace portcall::app {
namespace {

constexpr const char* kDead = "/api/v1/dead-letters";

struct Options {
  std::string endpoint;
  std::int64_t id = 0, limit = 100;
  bool json = false, all = false, yes = false;
};

std::string PathOf(std::int64_t id) { return std::string(kDead) + "/" + std::to_string(id); }

// The page after `next`, which is then the end of this one, 0: there are no more.
int Read(const Options& options, const Asking& asking, std::vector<Answer>& letters, std::int64_t& next) {
  std::string target = std::string(kDead) + "?limit=" + std::to_string(options.limit);
  if (next > 0) target += "&after=" + std::to_string(next);
  if (!options.endpoint.empty()) target += "&endpoint=" + http::PercentEncode(options.endpoint);
  return asking.Ask("GET", target, [&](const Answer& answer) {
    letters = answer.List("dead_letters");
    next = answer.Count("next");
    return kDone;
  });
}

// Where nothing is found of an endpoint: whether that is a name at all. One that is gone, and has left only dead
// letters, is known by those.
int CheckName(const Options& options, const Asking& asking) {
  if (options.endpoint.empty()) return kDone;
  return asking.Ask("GET", "/api/v1/endpoints/" + http::PercentEncode(options.endpoint),
                    [](const Answer&) { return kDone; });
}

std::string What(const Answer& letter) {
  const Answer event = letter.Member("event");
  if (!event) {
    return std::to_string(letter.Count("events")) + " events, " + std::to_string(letter.Count("from_seq")) + " to " +
           std::to_string(letter.Count("through_seq"));
  }
  const std::string tag = event.Text("tag"), digest = event.Text("digest");
  const std::string what = event.Text("action") + " " + event.Text("repository");
  if (!tag.empty()) return what + ":" + tag;
  return digest.empty() ? what : what + "@" + digest;
}

int List(const Options& options, const Asking& asking) {
  std::vector<Answer> all, page;
  std::int64_t next = 0;
  do {
    if (const int code = Read(options, asking, page, next); code != kDone) return code;
    all.insert(all.end(), page.begin(), page.end());
  } while (options.all && next > 0);
  if (all.empty()) {
    if (const int code = CheckName(options, asking); code != kDone) return code;
  }
  if (options.json) {
    asking.out() << Answer::Of("dead_letters", all, next).Print();
    return kDone;
  }
  if (all.empty()) asking.out() << "no dead letters\n";
  if (all.empty()) return kDone;
  Table table({"ID", "ENDPOINT", "DIED", "TRIES", "REASON", "EVENT"});
  for (const Answer& letter : all) {
    table.Add({std::to_string(letter.Count("id")),
               letter.Text("endpoint"),
               letter.Text("died_at").substr(0, 19) + "Z",
               std::to_string(letter.Count("attempts")),
               {letter.Text("reason"), Colour::kRed},
               What(letter)});
  }
  table.Print(asking.out(), asking.terminal());
  if (next > 0) asking.out() << "there are more: say --all\n";
  return kDone;
}

int Show(const Options& options, const Asking& asking) {
  return asking.Ask("GET", PathOf(options.id), [&](const Answer& letter) {
    if (options.json) {
      asking.out() << letter.Print();
      return kDone;
    }
    const auto line = [&](const char* title, const std::string& value) {
      if (!value.empty()) asking.out() << title << Printable(value) << '\n';
    };
    line("dead letter  ", std::to_string(letter.Count("id")));
    line("endpoint     ", letter.Text("endpoint"));
    line("reason       ", letter.Text("reason"));
    line("died         ", letter.Text("died_at"));
    line("attempts     ", std::to_string(letter.Count("attempts")));
    line("event        ", What(letter));
    line("id           ", letter.Member("event").Text("id"));
    line("actor        ", letter.Member("event").Text("actor"));
    line("last answer  ", letter.Text("answer"));
    return kDone;
  });
}

// `dropped` counts those that were there.
int Delete(const Asking& asking, const std::vector<std::int64_t>& ids, std::int64_t& dropped) {
  for (const std::int64_t id : ids) {
    bool was_there = false;
    if (const int code = asking.Delete(PathOf(id), was_there); code != kDone) return code;
    if (was_there) ++dropped;
  }
  return kDone;
}

// Also of those before a failure.
int TellDropped(const Options& options, const Asking& asking, std::int64_t dropped, int code) {
  if (options.json) {
    asking.out() << "{\n  \"dropped\": " << dropped << "\n}\n";
  } else {
    asking.out() << dropped << (dropped == 1 ? " dead letter was dropped\n" : " dead letters were dropped\n");
  }
  return code;
}

// Those that are there when it is asked; what dies later stays.
int DropAll(const Options& options, const Asking& asking) {
  std::vector<std::int64_t> ids;
  std::vector<Answer> page;
  std::int64_t next = 0;
  do {
    if (const int code = Read(options, asking, page, next); code != kDone) return code;
    for (const Answer& letter : page) ids.push_back(letter.Count("id"));
  } while (next > 0);
  if (ids.empty()) {
    const int code = CheckName(options, asking);
    return code == kDone ? TellDropped(options, asking, 0, code) : code;
  }
  const std::string whose = options.endpoint.empty() ? "all endpoints" : "endpoint " + options.endpoint;
  const std::string question = "Delete the dead letters of " + whose + " for good, " + std::to_string(ids.size()) + "?";
  if (const int code = asking.MakeSure(options.yes, question); code != kDone) return code;
  std::int64_t dropped = 0;
  const int code = Delete(asking, ids, dropped);
  return TellDropped(options, asking, dropped, code);
}

int Drop(const Options& options, const Asking& asking) {
  if (options.all == (options.id > 0)) return asking.Refuse("name one dead letter by its ID, or say --all");
  if (options.all) return DropAll(options, asking);
  if (!options.endpoint.empty()) return asking.Refuse("--endpoint goes with --all: an ID is of one endpoint anyway");
  const std::string question = "Delete dead letter " + std::to_string(options.id) + " for good?";
  if (const int code = asking.MakeSure(options.yes, question); code != kDone) return code;
  return asking.Ask("DELETE", PathOf(options.id), [&](const Answer&) {
    if (options.json) return TellDropped(options, asking, 1, kDone);
    asking.out() << "dead letter " << options.id << " was dropped\n";
    return kDone;
  });
}

}  // namespace

void AddDead(CLI::App& program, Invocation& invocation) {
  CLI::App* noun = program.add_subcommand("dead", "events that were given up; of the running server");
  noun->require_subcommand(1)->fallthrough();
  AddSocket(*noun, invocation);
  const auto options = std::make_shared<Options>();
  const auto add = [&](const char* name, const char* what, int (*act)(const Options&, const Asking&)) {
    CLI::App* verb = AddVerb(*noun, name, what, &options->json);
    verb->callback([options, &invocation, act] {
      invocation.run = [options, &invocation, act] { return act(*options, Asking(invocation)); };
    });
    return verb;
  };
  CLI::App* list = add("list", "the oldest first", List);
  list->add_option("--endpoint", options->endpoint, "of this endpoint alone")->check(GivenName());
  list->add_option("--limit", options->limit, "how many at a time (100)")->check(PlainNumber(1, 1'000));
  list->add_flag("--all", options->all, "however many there are");
  add("show", "one, with the last answer", Show)->add_option("ID", options->id)->required()->check(PlainNumber());
  CLI::App* drop = add("drop", "delete one, or all", Drop);
  drop->add_option("ID", options->id)->check(PlainNumber());
  drop->add_option("--endpoint", options->endpoint, "with --all: of this endpoint alone")->check(GivenName());
  drop->add_flag("--all", options->all, "all of them");
  drop->add_flag("--yes", options->yes, "do not ask");
}

}  // namespace portcall::app
