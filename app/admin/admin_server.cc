#include "app/admin/admin_server.h"

#include <atomic>
#include <boost/asio/use_future.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "app/admin/user_names.h"
#include "runtime/timer.h"
#include "store/event_log.h"

namespace portcall::app {
namespace {

constexpr std::size_t kLargestBody = 64UL * 1024;
constexpr std::uint32_t kConnections = 32;
constexpr std::size_t kLongestCall = 1'000;  // as it is told
constexpr std::size_t kMostUnderWay = 200;   // calls, and refused ones that are to be recorded
constexpr std::chrono::seconds kStall(10);   // of who sends a call, or takes an answer: few places are there
constexpr const char* kBug = "an operator's call ended in a bug of this program";
constexpr const char* kNotRecorded = "a refused call could not be recorded";
constexpr const char* kBusy = "other calls take too long; nothing was done: try again";
constexpr const char* kLeft = "who asked has left before it was begun; nothing was done";
constexpr const char* kSlowLook = "the disk does not answer: try again";
constexpr const char* kSlowChange =
    "the disk does not answer, and whether this is done is not known: look at it before you ask again";

// Of a user; to look up the name might wait.
std::string Number(std::uint32_t uid) { return "uid " + std::to_string(uid); }

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
  options.limits.head_timeout = options.limits.body_stall = options.limits.body_rate_window = kStall;
  options.handler = [self = made.get()](http::Request& request) { return self->Serve(request); };
  options.on_bug = [&log = made->deps_.log](std::string_view what) { log.Error(kBug, {{"error", std::string(what)}}); };
  auto server = http::Server::Listen(std::move(options), {&made->deps_.loop});
  if (!server) return Error(server.error());
  made->server_ = std::move(*server);
  return made;
}

AdminServer::~AdminServer() {
  server_.reset();
  const Executor loop = deps_.loop.executor();
  asio::post(loop, [this] { gate_.Close(); });
  asio::co_spawn(loop, gate_.Drained(), asio::use_future).wait();
  changes_.join();
  looks_.join();
}

// One call, between its connection and the thread that serves it. Touched on the loop, except as it says.
struct AdminServer::Call {
  Call(const Executor& loop, AdminRequest request) : asked(std::move(request)), over(loop) {}
  bool only_looks() const { return asked.method == "GET" || asked.method == "HEAD"; }
  // Whoever is the first: the thread that begins it, or its connection, which gives up. Any thread.
  bool Take() { return !taken.exchange(true); }

  AdminRequest asked;  // the thread's, once it has taken the call
  std::uint32_t uid = 0;
  std::optional<Error> unreadable;  // the body
  std::atomic<bool> taken = false;
  std::optional<AdminAnswer> answer;
  Timer over;  // waited for by the connection; cancelled with the answer
};

Task<http::Response> AdminServer::Serve(http::Request& request) {
  const auto call = std::make_shared<Call>(
      deps_.loop.executor(),
      AdminRequest{request.method, request.target, std::string(request.fields.Get("Content-Type")), {}, {}});
  Result<std::string> body = co_await http::ReadAll(*request.body, kLargestBody);
  if (body) call->asked.body.swap(*body);
  if (!body) call->unreadable = body.error();
  if (request.local) call->uid = request.local->uid;
  const bool head = request.method == "HEAD";
  // What a hung disk keeps is bounded; changes leave room for who only looks.
  if (gate_.inside() >= (call->only_looks() ? 2 : 1) * kMostUnderWay) {
    call->asked.by = Number(call->uid);
    co_return ResponseOf(GiveUp(call->asked, kBusy), head);
  }
  runtime::Spawn(deps_.loop.executor(), gate_, Work(call));
  co_return ResponseOf(co_await Await(call, request.Gone()), head);
}

Task<> AdminServer::Work(std::shared_ptr<Call> call) {
  auto serve = [&]() -> std::optional<AdminAnswer> {
    if (!call->Take()) return std::nullopt;
    call->asked.by = UserName(call->uid);
    return call->unreadable ? Refusal(*call->unreadable) : AnswerTo(deps_.sources, call->asked);
  };
  try {
    call->answer = co_await runtime::RunOn(call->only_looks() ? looks_ : changes_, serve);
  } catch (const std::exception& bug) {
    deps_.log.Error(kBug, {{"error", bug.what()}});
    call->answer = Refusal(Error(Errc::kInternal, kBug));
  }
  call->over.cancel();
  if (call->answer && !call->answer->problem.empty()) co_await Record(call->asked, *call->answer);
}

Task<AdminAnswer> AdminServer::Await(std::shared_ptr<Call> call, std::stop_token gone) {
  bool left = false;
  const std::stop_callback leaves(gone, [&] {
    left = call->Take();
    if (left) call->over.cancel();
  });
  call->over.expires_after(deps_.patience);
  if (!call->answer && !left) {
    [[maybe_unused]] const auto [cancelled] = co_await call->over.async_wait(nothrow);
  }
  if (call->answer) co_return *call->answer;
  if (!left && !call->Take()) {
    // Whatever becomes of it is told by the thread that has it.
    co_return Refusal({Errc::kTimeout, call->only_looks() ? kSlowLook : kSlowChange});
  }
  call->asked.by = Number(call->uid);
  co_return GiveUp(call->asked, left ? kLeft : kBusy);
}

AdminAnswer AdminServer::GiveUp(const AdminRequest& request, const char* why) {
  AdminAnswer answer = Refusal({Errc::kTimeout, why});
  runtime::Spawn(deps_.loop.executor(), gate_, Record(request, answer));
  return answer;
}

// What was done is told and recorded by those who did it, in the same transaction.
Task<> AdminServer::Record(AdminRequest request, AdminAnswer answer) {
  const std::string what = (request.method + " " + request.target).substr(0, kLongestCall);
  deps_.log.Warn(
      "an operator's call was refused",
      {{"call", what}, {"by", request.by}, {"status", std::to_string(answer.status)}, {"why", answer.problem}});
  if (!deps_.audits() || deps_.sources.broker.LogIsFull()) co_return;  // it need not be recorded
  if (gate_.inside() > kMostUnderWay) {
    deps_.log.Error(kNotRecorded, {{"error", "the store takes too long"}});
    co_return;
  }
  const store::Event event = store::SystemEvent(
      store::Action::kEndpoint, "an operator's call was refused: " + what + ": " + answer.problem, request.by);
  auto job = [&event](store::Tx& tx) -> Result<store::Seq> { return store::Append(tx, event); };
  const auto recorded = co_await deps_.sources.store.Write(job, store::Priority::kSettlement);
  if (!recorded) deps_.log.Error(kNotRecorded, {{"error", recorded.error().detail}});
}

}  // namespace portcall::app
