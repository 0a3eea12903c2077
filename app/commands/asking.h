#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/client/admin_client.h"
#include "app/client/answer.h"
#include "app/client/terminal.h"
#include "app/commands/command.h"

namespace portcall::app {

// A list of the API, and what of it is asked for.
struct Listing {
  std::string path;
  const char* items;                                            // the member that has them
  const char* turn;                                             // the query's key for what `next` of a page says
  std::vector<std::pair<const char*, std::string>> query = {};  // where a value is empty, it is not asked for
};
inline constexpr std::int64_t kLargestPage = 1'000;

// One command's talk with the server that runs. What goes wrong is told on the invocation's `err`, and the code of that
// is what the command ends with.
class Asking {
 public:
  explicit Asking(const Invocation& invocation) : invocation_(invocation) {}

  // Calls `done` with what was answered, null where that is nothing, and returns what it returns; else the code of what
  // went wrong: 2 where the question is (an unknown name), 1 where the server is, or is not there.
  int Ask(std::string_view method, const std::string& target, const std::function<int(const Answer&)>& done,
          std::string_view body = {}) const;
  // Whether a change that cannot be taken back is wanted: `yes`, or the answer on the terminal. Else the code to end
  // with.
  int MakeSure(bool yes, const std::string& question) const;

  // Page by page until there are `limit` of them, 0: all. A page may have fewer, also none, where the server has looked
  // for long enough. `next`: where what comes behind them begins, 0: nothing does.
  int ReadList(const Listing& listing, std::int64_t limit, std::vector<Answer>& all, std::int64_t& next) const;
  // Where nothing is found of an endpoint: whether that is a name at all. Empty: none is named.
  int CheckEndpoint(const std::string& name) const;
  // Turns a while such as 2h into the time so long ago; a time stays, and what is empty.
  int ReadSince(std::string& since) const;

  std::ostream& out() const { return invocation_.out; }
  std::ostream& err() const { return invocation_.err; }
  int Refuse(const std::string& why) const;  // of the command line
  Terminal terminal() const { return Terminal::Of(invocation_.environment); }

 private:
  std::optional<AdminReply> Call(std::string_view method, const std::string& target, std::string_view body,
                                 int& code) const;
  int Judge(const AdminReply& reply, const std::function<int(const Answer&)>& done) const;
  const Invocation& invocation_;
};

// A whole number from `least` to `most`, in digits alone: with a zero before it, it would be read as another one.
std::function<std::string(const std::string&)> PlainNumber(
    std::int64_t least = 1, std::int64_t most = std::numeric_limits<std::int64_t>::max());
// A name that is given is not empty: that would stand for none, and none for all of them.
std::function<std::string(const std::string&)> GivenName();
// A noun of commands that ask the server, with --socket.
CLI::App* AddNoun(CLI::App& program, Invocation& invocation, const char* name, const char* what);
// One of its verbs, which runs `act`. With what all of these take: -c behind the verb, too, and --json.
CLI::App* AddVerb(CLI::App& noun, Invocation& invocation, const char* name, const char* what, bool& json,
                  std::function<int(const Asking&)> act);
// The same of an act that takes options: one for all verbs of a noun.
template <class Options>
CLI::App* AddVerb(CLI::App& noun, Invocation& invocation, const char* name, const char* what,
                  const std::shared_ptr<Options>& options, int (*act)(const Options&, const Asking&)) {
  return AddVerb(noun, invocation, name, what, options->json,
                 [options, act](const Asking& asking) { return act(*options, asking); });
}

// As tables show them.
std::string Seconds(const std::string& time);  // RFC 3339, without fractions; empty stays empty
std::string ImageOf(const Answer& event);      // its repository, with the tag, else the digest

}  // namespace portcall::app
