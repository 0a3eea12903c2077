#include "app/admin/admin_server.h"

#include <utility>

#include "app/admin/user_names.h"
#include "store/event_log.h"

namespace portcall::app {
namespace {

constexpr std::size_t kLargestBody = 64UL * 1024;
constexpr std::uint32_t kConnections = 32;
constexpr std::size_t kLongestCall = 1'000;  // as it is told

http::Response ResponseOf(AdminAnswer answer, bool head) {
  http::Response response;
  response.status = answer.status;
  if (!answer.type.empty()) response.fields.Set("Content-Type", std::move(answer.type));
  if (!answer.allow.empty()) response.fields.Set("Allow", std::move(answer.allow));
  response.fields.Set("Cache-Control", "no-store");
  if (answer.status == 503) response.fields.Set("Retry-After", "5");
  if (head) response.head_length = answer.body.size();
  if (!head) response.body = std::move(answer.body);
  return response;
}

}  // namespace

Result<std::unique_ptr<AdminServer>> AdminServer::Listen(const std::filesystem::path& socket, AdminDeps deps) {
  std::unique_ptr<AdminServer> made(new AdminServer(std::move(deps)));
  http::ServerOptions options;
  options.unix_path = socket;
  options.limits.body_bytes = kLargestBody;
  options.limits.connections = kConnections;
  options.handler = [self = made.get()](http::Request& request) { return self->Serve(request); };
  options.on_bug = [&log = made->deps_.log](std::string_view what) {
    log.Error("an operator's call ended in a bug of this program", {{"error", std::string(what)}});
  };
  auto server = http::Server::Listen(std::move(options), {&made->deps_.loop});
  if (!server) return Error(server.error());
  made->server_ = std::move(*server);
  return made;
}

AdminServer::~AdminServer() {
  server_.reset();
  pool_.join();
}

Task<http::Response> AdminServer::Serve(http::Request& request) {
  AdminRequest asked{request.method, request.target, std::string(request.fields.Get("Content-Type")), {}, {}};
  Result<std::string> body = co_await http::ReadAll(*request.body, kLargestBody);
  if (body) asked.body.swap(*body);
  const std::uint32_t uid = request.local ? request.local->uid : 0;
  auto serve = [&] {
    asked.by = UserName(uid);
    AdminAnswer answer = body ? AnswerTo(deps_.sources, asked) : Refusal(body.error());
    if (!answer.problem.empty()) Record(asked, answer);
    return answer;
  };
  AdminAnswer answer = co_await runtime::RunOn(pool_, serve);
  co_return ResponseOf(std::move(answer), request.method == "HEAD");
}

// What was done is told and recorded by those who did it, in the same transaction.
void AdminServer::Record(const AdminRequest& request, const AdminAnswer& answer) const {
  const std::string what = (request.method + " " + request.target).substr(0, kLongestCall);
  deps_.log.Warn(
      "an operator's call was refused",
      {{"call", what}, {"by", request.by}, {"status", std::to_string(answer.status)}, {"why", answer.problem}});
  if (!deps_.audits()) return;
  const store::Event event = store::SystemEvent(
      store::Action::kEndpoint, "an operator's call was refused: " + what + ": " + answer.problem, request.by);
  auto job = [&event](store::Tx& tx) -> Result<store::Seq> { return store::Append(tx, event); };
  const auto recorded = deps_.sources.store.WriteNow(job, store::Priority::kSettlement);
  if (!recorded) deps_.log.Error("a refused call could not be recorded", {{"error", recorded.error().detail}});
}

}  // namespace portcall::app
