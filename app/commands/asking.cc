#include "app/commands/asking.h"

#include <CLI/CLI.hpp>
#include <ostream>

#include "app/client/admin_client.h"

namespace portcall::app {
namespace {

constexpr int kLastGood = 299, kBadRequest = 400, kNotFound = 404;

int Tell(std::ostream& err, const std::string& why, int code) {
  err << "portcall: " << Printable(why) << '\n';
  return code;
}

}  // namespace

int Asking::Ask(std::string_view method, const std::string& target, const std::function<int(const Answer&)>& done,
                std::string_view body) const {
  const auto config = FindConfig({}, invocation_);
  if (!config) return kUsage;
  const auto client = AdminClient::Of(*config, invocation_.environment, invocation_.err);
  if (!client) return Tell(invocation_.err, client.error().detail, kUsage);
  const auto reply = client->Call(method, target, body);
  if (!reply) return Tell(invocation_.err, reply.error().detail, kFailed);
  const auto answer = Answer::Parse(reply->body);
  if (reply->status > kLastGood) {
    const std::string detail = answer ? answer->Text("detail") : std::string();
    const bool asked_wrong = reply->status == kBadRequest || reply->status == kNotFound;
    return Tell(invocation_.err, detail.empty() ? "the server answered " + std::to_string(reply->status) : detail,
                asked_wrong ? kUsage : kFailed);
  }
  if (!answer) return Tell(invocation_.err, "the server's answer is no JSON", kFailed);
  return done(*answer);
}

int Asking::MakeSure(bool yes, const std::string& question) const {
  if (yes) return kDone;
  if (CanAsk()) return Confirm(question, invocation_.err) ? kDone : kFailed;
  return Refuse(question + " Say --yes: there is no terminal to ask on");
}

int Asking::Refuse(const std::string& why) const { return Tell(invocation_.err, why, kUsage); }

CLI::App* AddVerb(CLI::App& noun, const char* name, const char* what, bool* json) {
  CLI::App* verb = noun.add_subcommand(name, what);
  verb->fallthrough();
  if (json != nullptr) verb->add_flag("--json", *json, "print what the API answers");
  return verb;
}

}  // namespace portcall::app
