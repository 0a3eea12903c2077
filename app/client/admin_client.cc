#include "app/client/admin_client.h"

#include <exception>
#include <memory>
#include <utility>

#include "app/admin/socket_path.h"
#include "config/load.h"
#include "runtime/http/response_reader.h"
#include "runtime/http/sockets.h"
#include "runtime/http/unix_socket.h"
#include "sinks/kinds.h"

namespace portcall::app {
namespace {

constexpr std::chrono::seconds kPatience(60);  // a change may wait for a reload, and for the disk
constexpr std::size_t kLargestAnswer = 64UL << 20;

Error Unreachable(const std::filesystem::path& socket, const error_code& ec) {
  if (ec == boost::system::errc::permission_denied) {
    return {Errc::kUnavailable,
            socket.string() + " belongs to another user: run this as the user that runs the server, or as root"};
  }
  if (ec == boost::system::errc::no_such_file_or_directory) {
    return {Errc::kUnavailable, "there is no socket " + socket.string() +
                                    ": no server runs with this configuration, or somebody has deleted its socket, "
                                    "which a restart makes anew"};
  }
  if (ec == asio::error::connection_refused) {
    std::error_code ignored;
    if (!std::filesystem::is_socket(socket, ignored)) {
      return {Errc::kUnavailable, socket.string() +
                                      " is no socket: a server that runs with this configuration says so in its log; "
                                      "move it away, and start the server again"};
    }
    return {Errc::kUnavailable, "no server runs with this configuration (nobody listens on " + socket.string() +
                                    "): start it first; one that runs could not make its socket, and its log says why"};
  }
  return {Errc::kUnavailable, "cannot reach the server by " + socket.string() + ": " + ec.message()};
}

Error Cut(const std::filesystem::path& socket, const std::string& why) {
  return {Errc::kUnavailable, "the server on " + socket.string() + " did not answer: " + why};
}

Task<Result<AdminReply>> Ask(asio::io_context& context, const std::filesystem::path& path, const http::UnixName& name,
                             const std::string& request) {
  http::Socket socket(context.get_executor());
  const auto [refused] =
      co_await socket.async_connect(asio::generic::stream_protocol::endpoint(name.endpoint()), nothrow);
  if (refused) co_return Unreachable(path, refused);
  const std::unique_ptr<http::ByteStream> stream = http::PlainStream(std::move(socket));
  stream->ExpiresAfter(kPatience);
  const asio::const_buffer bytes = asio::buffer(request);
  const http::IoResult sent = co_await stream->Write({&bytes, 1});
  if (sent.ec) co_return Cut(path, sent.ec.message());
  http::ClientOptions options;
  options.keep_body = options.max_body = kLargestAnswer;
  http::ResponseReader reader(options);
  reader.Start();
  auto progress = http::ResponseReader::Progress::kMore;
  while (progress == http::ResponseReader::Progress::kMore) {
    const http::IoResult got = co_await stream->Read(reader.Space());
    if (got.ec && got.ec != asio::error::eof) co_return Cut(path, got.ec.message());
    progress = got.ec ? reader.End() : reader.Got(got.n);
    if (got.ec && progress == http::ResponseReader::Progress::kMore) co_return Cut(path, "it closed the connection");
  }
  if (progress == http::ResponseReader::Progress::kInvalid) co_return Cut(path, reader.problem());
  co_return AdminReply{reader.status(), std::move(reader.answer().body)};
}

}  // namespace

Result<AdminClient> AdminClient::Of(const std::string& config, const std::map<std::string, std::string>& environment,
                                    std::ostream& err) {
  const config::Loaded loaded = config::Load(config, environment, config::Strictness::kServe, sinks::Kinds());
  if (loaded.config) return AdminClient(OperatorsSocket(loaded.config->storage.root_directory));
  for (const config::Problem& problem : loaded.problems) {
    if (problem.severity == config::Severity::kError) err << problem.Text() << '\n';
  }
  return Error(Errc::kInvalid, config +
                                   " has errors, so that it does not say which server is meant: mend it, or name " +
                                   "the socket in that server's data folder by --socket");
}

Result<AdminReply> AdminClient::Call(std::string_view method, const std::string& target, std::string_view body) const {
  const auto name = http::UnixName::Of(socket_);
  if (!name && name.error().code == Errc::kInvalid) return name.error();
  if (!name) return Unreachable(socket_, make_error_code(boost::system::errc::no_such_file_or_directory));
  std::string request = std::string(method) + " " + target + " HTTP/1.1\r\nHost: portcall\r\nConnection: close\r\n";
  if (!body.empty()) request += "Content-Type: application/json\r\n";
  if (!body.empty() || method == "POST") request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  request += "\r\n" + std::string(body);
  asio::io_context context(1);
  std::optional<Result<AdminReply>> reply;
  auto ask = [&]() -> Task<> { reply = co_await Ask(context, socket_, *name, request); };
  asio::co_spawn(context, ask, [](const std::exception_ptr& bug) {
    if (bug) std::rethrow_exception(bug);
  });
  context.run();
  return *std::move(reply);
}

}  // namespace portcall::app
