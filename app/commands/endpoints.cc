#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "app/commands/asking.h"
#include "runtime/http/url.h"
#include "runtime/json.h"

namespace portcall::app {
namespace {

constexpr const char* kEndpoints = "/api/v1/endpoints";

struct Options {
  std::string name, reason;
  bool json = false, all = false, yes = false;
};

std::string PathOf(const std::string& name) { return std::string(kEndpoints) + "/" + http::PercentEncode(name); }

Colour ColourOf(const std::string& state) {
  if (state == "ok") return Colour::kGreen;
  return state == "down" || state == "stuck" ? Colour::kRed : Colour::kYellow;
}

std::string Count(const Answer& endpoint) {
  const bool estimate = endpoint.Flag("pending_is_estimate");
  return (estimate ? "~" : "") + std::to_string(endpoint.Count("pending"));
}

std::string Oldest(const Answer& endpoint) {
  const auto seconds = endpoint.Number("oldest_pending_seconds");
  return seconds ? ShowAge(*seconds) : "-";
}

std::string Why(const Answer& endpoint) {
  const std::string reason = endpoint.Text("reason");
  const bool troubled = endpoint.Text("state") != "ok";
  return reason.empty() && troubled ? endpoint.Member("last_error").Text("error") : reason;
}

void PrintError(const Asking& asking, const Answer& error) {
  if (!error) return;
  const std::int64_t status = error.Count("status");
  asking.out() << "last error    " << Printable(error.Text("error")) << "\n              at "
               << Printable(error.Text("at")) << ", attempt " << error.Count("attempt") << " of event "
               << Printable(error.Text("event")) << (status > 0 ? ", status " + std::to_string(status) : "") << '\n';
}

void PrintOne(const Asking& asking, const Answer& one) {
  const std::string state = one.Text("state");
  const auto line = [&](const char* title, const std::string& value) {
    if (!value.empty()) asking.out() << title << Printable(value) << '\n';
  };
  line("endpoint      ", one.Text("name"));
  line("type          ", one.Text("type"));
  line("url           ", one.Text("url"));
  asking.out() << "state         " << asking.terminal().Paint(Printable(state), ColourOf(state)) << '\n';
  line("why           ", one.Text("reason"));
  line("since         ", one.Text("since"));
  line("pending       ", Count(one) + ", the oldest " + Oldest(one));
  line("last minute   ", std::to_string(one.Count("delivered_last_minute")) + " delivered");
  line("window        ",
       std::to_string(one.Count("in_flight")) + " of " + std::to_string(one.Count("window")) + " attempts under way");
  line("parked lanes  ", std::to_string(one.Count("parked_lanes")));
  line("breaker       ", one.Text("breaker"));
  line("tries next    ", one.Text("next_try"));
  PrintError(asking, one.Member("last_error"));
  line("dead letters  ", std::to_string(one.Count("dead_letters")));
}

int Show(const Options& options, const Asking& asking) {
  return asking.Ask("GET", PathOf(options.name), [&](const Answer& one) {
    if (options.json) {
      asking.out() << one.Print();
      return kDone;
    }
    PrintOne(asking, one);
    const Answer orphan = one.Member("orphan");
    if (orphan) {
      asking.out() << "kept from before it was removed: " << Count(orphan) << " events, the oldest " << Oldest(orphan)
                   << '\n';
    }
    return kDone;
  });
}

int List(const Options& options, const Asking& asking) {
  return asking.Ask("GET", kEndpoints, [&](const Answer& answer) {
    std::vector<Answer> all = answer.List("endpoints");
    if (!options.name.empty()) {
      std::erase_if(all, [&](const Answer& one) { return one.Text("name") != options.name; });
      // Who is meant then, if anybody, the server knows.
      if (all.empty()) return Show(options, asking);
    }
    if (options.json) {
      asking.out() << Answer::Of("endpoints", all).Print();
      return kDone;
    }
    if (all.empty()) asking.out() << "no endpoints\n";
    if (all.empty()) return kDone;
    Table table({"NAME", "STATE", "PENDING", "OLDEST", "LAST MIN", "DEAD", "WHY"});
    for (const Answer& one : all) {
      const std::string state = one.Text("state");
      table.Add({one.Text("name"),
                 {state, ColourOf(state)},
                 Count(one),
                 Oldest(one),
                 std::to_string(one.Count("delivered_last_minute")),
                 std::to_string(one.Count("dead_letters")),
                 Why(one)});
    }
    table.Print(asking.out(), asking.terminal());
    return kDone;
  });
}

// The endpoint that is named, or all that are in the configuration.
int ForEach(const Options& options, const Asking& asking, const std::function<int(const std::string&)>& act) {
  if (options.all == !options.name.empty()) return asking.Refuse("name one endpoint, or say --all");
  if (!options.all) return act(options.name);
  return asking.Ask("GET", kEndpoints, [&](const Answer& answer) {
    int code = kDone;
    for (const Answer& one : answer.List("endpoints")) {
      if (one.Text("state") != "orphaned") code = std::max(code, act(one.Text("name")));
    }
    return code;
  });
}

void PrintChanged(const Asking& asking, const std::string& name, const Answer& one) {
  if (!one) {  // a reload came right behind it
    asking.out() << Printable(name) << ": it is done; the endpoint is no longer in the configuration\n";
    return;
  }
  const std::string why = one.Text("reason");
  asking.out() << Printable(name) << " is " << Printable(one.Text("state"))
               << (why.empty() ? "" : ": " + Printable(why)) << "; " << Count(one) << " events are pending\n";
}

int Change(const Options& options, const Asking& asking, const char* verb, const std::string& body = {}) {
  std::vector<Answer> changed;
  const int code = ForEach(options, asking, [&](const std::string& name) {
    const auto tell = [&](const Answer& one) {
      if (!options.json) PrintChanged(asking, name, one);
      if (one) changed.push_back(one);
      return kDone;
    };
    return asking.Ask("POST", PathOf(name) + verb, tell, body);
  });
  if (options.json && options.all) asking.out() << Answer::Of("endpoints", changed).Print();
  if (options.json && !options.all && code == kDone) {
    asking.out() << (changed.empty() ? Answer() : changed.front()).Print();
  }
  return code;
}

int Drop(const Options& options, const Asking& asking) {
  return asking.Ask("GET", PathOf(options.name), [&](const Answer& one) {
    const Answer orphan = one.Text("state") == "orphaned" ? one : one.Member("orphan");
    if (!orphan) {
      return asking.Refuse(options.name +
                           " is in the configuration, and has left nothing from before: there is nothing to drop");
    }
    const std::string question = "The removed endpoint " + options.name + " has " + Count(orphan) +
                                 " events that were never delivered. Give them up for good?";
    if (const int code = asking.MakeSure(options.yes, question); code != kDone) return code;
    return asking.Ask("DELETE", "/api/v1/orphans/" + http::PercentEncode(options.name), [&](const Answer& answer) {
      if (options.json) {
        asking.out() << answer.Print();
      } else {
        asking.out() << answer.Count("dropped") << " events of " << Printable(options.name)
                     << " were given up; dead letters stay\n";
      }
      return kDone;
    });
  });
}

int Pause(const Options& options, const Asking& asking) {
  if (options.reason.empty()) return Change(options, asking, "/pause");
  std::string body;
  runtime::JsonWriter json(body, runtime::JsonSpelling::kPlain);
  json.Begin();
  json.Text("reason", options.reason);
  json.End();
  return Change(options, asking, "/pause", body);
}

int Resume(const Options& options, const Asking& asking) { return Change(options, asking, "/resume"); }

}  // namespace

void AddEndpoints(CLI::App& program, Invocation& invocation) {
  CLI::App* noun =
      AddNoun(program, invocation, "endpoints", "see, pause and resume where events go; of the running server");
  const auto options = std::make_shared<Options>();
  const auto add = [&](const char* name, const char* what, int (*act)(const Options&, const Asking&)) {
    return AddVerb(*noun, invocation, name, what, options, act);
  };
  add("list", "all of them, and what removed ones have left", List)
      ->add_option("--endpoint", options->name, "this one alone")
      ->check(GivenName());
  add("show", "everything of one", Show)->add_option("NAME", options->name)->check(GivenName())->required();
  CLI::App* pause = add("pause", "send nothing any more, and keep what comes, until it is resumed", Pause);
  pause->add_option("NAME", options->name)->check(GivenName());
  pause->add_option("--reason", options->reason, "why, for whoever looks later");
  pause->add_flag("--all", options->all, "all endpoints");
  CLI::App* resume = add("resume", "go on, also where it was paused by an answer 410", Resume);
  resume->add_option("NAME", options->name)->check(GivenName());
  resume->add_flag("--all", options->all, "all endpoints");
  CLI::App* drop = add("drop", "give up what a removed endpoint has left pending", Drop);
  drop->add_option("NAME", options->name)->check(GivenName())->required();
  drop->add_flag("--yes", options->yes, "do not ask");
}

}  // namespace portcall::app
