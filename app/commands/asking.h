#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "app/client/admin_client.h"
#include "app/client/answer.h"
#include "app/client/terminal.h"
#include "app/commands/command.h"

namespace portcall::app {

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
// --socket, of the commands of a noun.
void AddSocket(CLI::App& noun, Invocation& invocation);
// What all of these commands take: -c behind the verb, too, and --json.
CLI::App* AddVerb(CLI::App& noun, const char* name, const char* what, bool* json = nullptr);

}  // namespace portcall::app
