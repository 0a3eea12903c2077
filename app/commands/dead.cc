#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "app/commands/asking.h"

namespace portcall::app {
namespace {

constexpr const char* kDead = "/api/v1/dead-letters";

constexpr std::size_t kBatch = 500;  // ended with one call

struct Options {
  std::string endpoint, repository, since;
  std::int64_t id = 0, limit = 100;
  bool json = false, all = false, yes = false;
};

std::string PathOf(std::int64_t id) { return std::string(kDead) + "/" + std::to_string(id); }

int Read(const Options& options, const Asking& asking, std::int64_t limit, std::vector<Answer>& letters,
         std::int64_t& next) {
  const Listing listing{kDead,
                        "dead_letters",
                        "after",
                        {{"endpoint", options.endpoint}, {"repository", options.repository}, {"since", options.since}}};
  return asking.ReadList(listing, limit, letters, next);
}

std::string What(const Answer& letter) {
  const Answer event = letter.Member("event");
  if (!event) {
    return std::to_string(letter.Count("events")) + " events, " + std::to_string(letter.Count("from_seq")) + " to " +
           std::to_string(letter.Count("through_seq"));
  }
  return event.Text("action") + " " + ImageOf(event);
}

int List(const Options& given, const Asking& asking) {
  Options options = given;
  if (const int code = asking.ReadSince(options.since); code != kDone) return code;
  std::vector<Answer> all;
  std::int64_t next = 0;
  if (const int code = Read(options, asking, options.all ? 0 : options.limit, all, next); code != kDone) return code;
  // An endpoint that is gone, and has left only dead letters, is known by those.
  if (all.empty()) {
    if (const int code = asking.CheckEndpoint(options.endpoint); code != kDone) return code;
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
               Seconds(letter.Text("died_at")),
               std::to_string(letter.Count("attempts")),
               {letter.Text("reason"), Colour::kRed},
               What(letter)});
  }
  table.Print(asking.out(), asking.terminal());
  if (next > 0) asking.out() << "there are more: say --all\n";
  return kDone;
}

std::string Times(std::int64_t number) {
  return number == 0 ? "" : number == 1 ? "once" : std::to_string(number) + " times";
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
    line("died before  ", Times(letter.Count("earlier_deaths")));
    line("last answer  ", letter.Text("answer"));
    return kDone;
  });
}

// What can be done to dead letters, one or many.
struct Way {
  const char *verb, *question, *done, *member;
};
constexpr Way kDrop{"drop", "Delete %s for good?", "dropped", "dropped"};
constexpr Way kRetry{"retry", "Send the events of %s again?", "sent again", "retried"};

std::string QuestionOf(const Way& way, const std::string& what) {
  std::string question = way.question;
  return question.replace(question.find("%s"), 2, what);
}

struct Ended {
  std::int64_t done = 0;
  std::vector<Answer> left;
};

int End(const Asking& asking, const Way& way, std::span<const std::int64_t> ids, Ended& ended) {
  while (!ids.empty()) {
    std::string body = "{\"ids\":[";
    for (const std::int64_t id : ids.first(std::min(kBatch, ids.size()))) body += std::to_string(id) + ",";
    body.back() = ']';
    std::int64_t looked_at = 0;
    const auto take = [&](const Answer& answer) {
      looked_at = answer.Count("looked_at");
      ended.done += answer.Count("done");
      for (Answer& one : answer.List("left")) ended.left.push_back(std::move(one));
      return kDone;
    };
    const std::string target = std::string(kDead) + "/" + way.verb;
    if (const int code = asking.Ask("POST", target, take, body + "}"); code != kDone) return code;
    if (looked_at <= 0) return asking.Refuse("the server has looked at none of them: ask again");
    ids = ids.subspan(std::min(ids.size(), static_cast<std::size_t>(looked_at)));
  }
  return kDone;
}

// Also of those before a failure. What others have ended meanwhile is left, and no failure.
int Tell(const Options& options, const Asking& asking, const Way& way, const Ended& ended, int code) {
  std::int64_t stay = 0;
  for (const Answer& one : ended.left) stay += one.Flag("gone") ? 0 : 1;
  if (options.json) {
    asking.out() << "{\n  \"" << way.member << "\": " << ended.done << ",\n  \"left\": " << stay << "\n}\n";
  } else {
    asking.out() << ended.done << (ended.done == 1 ? " dead letter was " : " dead letters were ") << way.done << '\n';
  }
  constexpr std::size_t kMostTold = 10;
  std::size_t told = 0;
  for (const Answer& one : ended.left) {
    if (one.Flag("gone") || ++told > kMostTold) continue;
    asking.err() << "portcall: dead letter " << one.Count("id") << " stays: " << Printable(one.Text("reason")) << '\n';
  }
  if (stay > static_cast<std::int64_t>(kMostTold))
    asking.err() << "portcall: and so do " << stay - kMostTold << " more\n";
  return code != kDone || stay == 0 ? code : kFailed;
}

// Those that are there when it is asked; what dies later stays.
int EndAll(const Options& given, const Asking& asking, const Way& way) {
  Options options = given;
  if (const int code = asking.ReadSince(options.since); code != kDone) return code;
  std::vector<Answer> letters;
  std::int64_t next = 0;
  if (const int code = Read(options, asking, /*limit=*/0, letters, next); code != kDone) return code;
  if (letters.empty()) {
    const int code = asking.CheckEndpoint(options.endpoint);
    return code == kDone ? Tell(options, asking, way, {}, code) : code;
  }
  std::vector<std::int64_t> ids;
  ids.reserve(letters.size());
  for (const Answer& letter : letters) ids.push_back(letter.Count("id"));
  const std::string whose = options.endpoint.empty() ? "all endpoints" : "endpoint " + options.endpoint;
  const std::string what =
      std::to_string(ids.size()) + (ids.size() == 1 ? " dead letter of " : " dead letters of ") + whose;
  if (const int code = asking.MakeSure(options.yes, QuestionOf(way, what)); code != kDone) return code;
  Ended ended;
  const int code = End(asking, way, ids, ended);
  return Tell(options, asking, way, ended, code);
}

int EndOne(const Options& options, const Asking& asking, const Way& way) {
  Ended ended;
  if (const int code = End(asking, way, {&options.id, 1}, ended); code != kDone) return code;
  if (!ended.left.empty()) return asking.Refuse(ended.left.front().Text("reason"));
  if (options.json) return Tell(options, asking, way, ended, kDone);
  asking.out() << "dead letter " << options.id << " was " << way.done << '\n';
  return kDone;
}

int EndNamed(const Options& options, const Asking& asking, const Way& way) {
  if (options.all == (options.id > 0)) return asking.Refuse("name one dead letter by its ID, or say --all");
  if (options.all) return EndAll(options, asking, way);
  const bool chooses = !options.endpoint.empty() || !options.repository.empty() || !options.since.empty();
  if (chooses) return asking.Refuse("--endpoint, --repository and --since go with --all: an ID says which one");
  return EndOne(options, asking, way);
}

int Drop(const Options& options, const Asking& asking) {
  if (!options.all && options.id > 0) {
    const std::string what = "dead letter " + std::to_string(options.id);
    if (const int code = asking.MakeSure(options.yes, QuestionOf(kDrop, what)); code != kDone) return code;
  }
  return EndNamed(options, asking, kDrop);
}

int Retry(const Options& options, const Asking& asking) { return EndNamed(options, asking, kRetry); }

}  // namespace

void AddDead(CLI::App& program, Invocation& invocation) {
  CLI::App* noun = AddNoun(program, invocation, "dead", "events that were given up; of the running server");
  const auto options = std::make_shared<Options>();
  const auto add = [&](const char* name, const char* what, int (*act)(const Options&, const Asking&)) {
    return AddVerb(*noun, invocation, name, what, options, act);
  };
  const auto choose = [&options](CLI::App* verb, const std::string& when) {
    verb->add_option("--endpoint", options->endpoint, when + "of this endpoint alone")->check(GivenName());
    verb->add_option("--repository", options->repository, when + "whose repository this glob fits")->check(GivenName());
    verb->add_option("--since", options->since, when + "that died since a time, or in the last while, such as 2h")
        ->check(GivenName());
  };
  CLI::App* list = add("list", "the oldest first", List);
  choose(list, "");
  list->add_option("--limit", options->limit, "how many at a time (100)")->check(PlainNumber(1, kLargestPage));
  list->add_flag("--all", options->all, "however many there are");
  add("show", "one, with the last answer", Show)->add_option("ID", options->id)->required()->check(PlainNumber());
  for (CLI::App* verb :
       {add("retry", "send the event of one again, or those of all", Retry), add("drop", "delete one, or all", Drop)}) {
    verb->add_option("ID", options->id)->check(PlainNumber());
    verb->add_flag("--all", options->all, "all of them");
    choose(verb, "with --all: those ");
    verb->add_flag("--yes", options->yes, "do not ask");
  }
}

}  // namespace portcall::app
