#include "app/commands/asking.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <ostream>
#include <utility>

#include "config/reader/scalars.h"
#include "runtime/http/url.h"
#include "runtime/text.h"
#include "runtime/time.h"

namespace portcall::app {
namespace {

constexpr int kLastGood = 299, kBadRequest = 400, kNotFound = 404;

int Tell(std::ostream& err, const std::string& why, int code) {
  err << "portcall: " << Printable(why) << '\n';
  return code;
}

}  // namespace

// Nothing: what went wrong is told, and `code` is what to end with.
std::optional<AdminReply> Asking::Call(std::string_view method, const std::string& target, std::string_view body,
                                       int& code) const {
  code = kUsage;
  Result<AdminClient> client = AdminClient(invocation_.socket);
  if (invocation_.socket.empty()) {
    const auto config = FindConfig({}, invocation_);
    if (!config) return std::nullopt;
    client = AdminClient::Of(*config, invocation_.environment, invocation_.err);
  }
  Result<AdminReply> reply = client ? client->Call(method, target, body) : Result<AdminReply>(client.error());
  if (reply) return *std::move(reply);
  code = Tell(invocation_.err, reply.error().detail, reply.error().code == Errc::kInvalid ? kUsage : kFailed);
  return std::nullopt;
}

int Asking::Judge(const AdminReply& reply, const std::function<int(const Answer&)>& done) const {
  const auto answer = Answer::Parse(reply.body);
  if (reply.status > kLastGood) {
    const std::string detail = answer ? answer->Text("detail") : std::string();
    const bool asked_wrong = reply.status == kBadRequest || reply.status == kNotFound;
    return Tell(invocation_.err, detail.empty() ? "the server answered " + std::to_string(reply.status) : detail,
                asked_wrong ? kUsage : kFailed);
  }
  if (!answer) return Tell(invocation_.err, "the server's answer is no JSON", kFailed);
  return done(*answer);
}

int Asking::Ask(std::string_view method, const std::string& target, const std::function<int(const Answer&)>& done,
                std::string_view body) const {
  int code = kDone;
  const auto reply = Call(method, target, body, code);
  return reply ? Judge(*reply, done) : code;
}

int Asking::MakeSure(bool yes, const std::string& question) const {
  if (yes) return kDone;
  if (CanAsk()) return Confirm(question, invocation_.err) ? kDone : kFailed;
  return Refuse(question + " Say --yes: there is no terminal to ask on");
}

int Asking::ReadList(const Listing& listing, std::int64_t limit, std::vector<Answer>& all, std::int64_t& next) const {
  next = 0;
  do {
    const std::int64_t rest = limit == 0 ? kLargestPage : limit - static_cast<std::int64_t>(all.size());
    std::string target = listing.path + "?limit=" + std::to_string(rest);
    if (next > 0) target += std::string("&") + listing.turn + "=" + std::to_string(next);
    for (const auto& [key, value] : listing.query) {
      if (!value.empty()) target += std::string("&") + key + "=" + http::PercentEncode(value);
    }
    const int code = Ask("GET", target, [&](const Answer& answer) {
      const std::vector<Answer> page = answer.List(listing.items);
      all.insert(all.end(), page.begin(), page.end());
      next = answer.Count("next");
      return kDone;
    });
    if (code != kDone) return code;
  } while (next > 0 && (limit == 0 || static_cast<std::int64_t>(all.size()) < limit));
  return kDone;
}

int Asking::CheckEndpoint(const std::string& name) const {
  if (name.empty()) return kDone;
  return Ask("GET", "/api/v1/endpoints/" + http::PercentEncode(name), [](const Answer&) { return kDone; });
}

int Asking::ReadSince(std::string& since) const {
  if (since.empty() || runtime::ParseRfc3339(since)) return kDone;
  const auto ago = config::ParseDuration(since);
  if (!ago) return Refuse("--since is neither a time such as 2026-01-31T08:00:00Z nor a while such as 2h");
  const auto time = std::chrono::system_clock::now() - ago->value;
  since = runtime::Rfc3339Nano(std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
  return kDone;
}

int Asking::Refuse(const std::string& why) const { return Tell(invocation_.err, why, kUsage); }

std::function<std::string(const std::string&)> PlainNumber(std::int64_t least, std::int64_t most) {
  return [least, most](const std::string& text) -> std::string {
    const auto number = runtime::ParseNumber<std::int64_t>(text);
    if (number && std::to_string(*number) == text && *number >= least && *number <= most) return {};
    const bool bounded = most < std::numeric_limits<std::int64_t>::max();
    return Printable(text) + " is no number from " + std::to_string(least) +
           (bounded ? " to " + std::to_string(most) : std::string(" on")) +
           ", written in digits, without zeros before it";
  };
}

std::function<std::string(const std::string&)> GivenName() {
  return [](const std::string& text) -> std::string {
    return text.empty() ? "the name is empty: is the variable set that it is taken from?" : "";
  };
}

CLI::App* AddNoun(CLI::App& program, Invocation& invocation, const char* name, const char* what) {
  CLI::App* noun = program.add_subcommand(name, what);
  noun->require_subcommand(1)->fallthrough();
  noun->add_option("--socket", invocation.socket,
                   "the server's portcall.sock, instead of the one in the configuration's data folder");
  return noun;
}

CLI::App* AddVerb(CLI::App& noun, Invocation& invocation, const char* name, const char* what, bool& json,
                  std::function<int(const Asking&)> act) {
  CLI::App* verb = noun.add_subcommand(name, what);
  verb->fallthrough();
  verb->add_flag("--json", json, "print what the API answers");
  verb->callback(
      [&invocation, act = std::move(act)] { invocation.run = [&invocation, act] { return act(Asking(invocation)); }; });
  return verb;
}

std::string Seconds(const std::string& time) {
  constexpr std::size_t kThroughSeconds = 19;
  return time.empty() ? time : time.substr(0, kThroughSeconds) + "Z";
}

std::string ImageOf(const Answer& event) {
  const std::string repository = event.Text("repository"), tag = event.Text("tag"), digest = event.Text("digest");
  if (!tag.empty()) return repository + ":" + tag;
  return digest.empty() ? repository : repository + "@" + digest;
}

}  // namespace portcall::app
