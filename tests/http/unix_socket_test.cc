#include "runtime/http/unix_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <thread>

#include "tests/http/fixture.h"
#include "tests/support/temp_dir.h"

namespace portcall::http {
namespace {

namespace fs = std::filesystem;
using portcall::testing::TempDir;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr const char* kGet = "GET /who HTTP/1.1\r\nHost: x\r\n\r\n";

std::string ErrorAt(const fs::path& path) {
  asio::io_context context;
  const auto listener = ListenAt(context.get_executor(), path);
  EXPECT_FALSE(listener);
  return listener ? "" : listener.error().detail;
}

mode_t ModeOf(const fs::path& path) {
  struct stat found{};
  EXPECT_EQ(::lstat(path.c_str(), &found), 0);
  return found.st_mode & 07777;
}

// A socket that a process was killed with.
void LeaveStale(const fs::path& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  path.string().copy(at.sun_path, sizeof at.sun_path - 1);
  EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  ::close(fd);
}

TEST(UnixSocket, ServesAndShowsWhoAsked) {
  const TempDir folder;
  const fs::path path = folder.path() / "it.sock";
  TestServer server({}, nullptr, path.string());
  EXPECT_EQ(server.server().addresses().front(), "unix:" + path.string());
  EXPECT_EQ(server.port(), 0);
  RawClient client(path);
  client.Send(kGet);
  const std::string who = "unix:uid=" + std::to_string(::getuid()) + ",pid=" + std::to_string(::getpid());
  EXPECT_THAT(client.ReadResponse(),
              AllOf(HasSubstr("\r\nX-Peer: \r\n"), HasSubstr("\r\nX-From: " + who), EndsWith("GET /who")));
  client.Send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(BodyOf(client.ReadResponse()).size(), 8u << 20);
}

TEST(UnixSocket, IsTheOwnersAloneWhateverTheUmask) {
  const TempDir folder;
  for (const mode_t umask : {mode_t{0}, mode_t{0022}, mode_t{0777}}) {
    const mode_t before = ::umask(umask);
    asio::io_context context;
    const auto listener = ListenAt(context.get_executor(), folder.path() / "it.sock");
    ::umask(before);
    ASSERT_TRUE(listener) << listener.error().detail;
    EXPECT_EQ(ModeOf(folder.path() / "it.sock"), 0600u);
  }
}

TEST(UnixSocket, GoesWithItsServerAndTakesThePlaceOfAnEndedOnes) {
  const TempDir folder;
  const fs::path path = folder.path() / "it.sock";
  LeaveStale(path);
  LeaveStale(path.string() + ".new");
  {
    TestServer server({}, nullptr, path.string());
    RawClient client(path);
    client.Send(kGet);
    EXPECT_EQ(StatusOf(client.ReadResponse()), 200);
    server.server().Drain(std::chrono::seconds(1));
    EXPECT_FALSE(fs::exists(path));
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(UnixSocket, LeavesWhatIsNotItsOwn) {
  const TempDir folder;
  const fs::path path = folder.path() / "it.sock";
  {
    TestServer server({}, nullptr, path.string());
    EXPECT_THAT(ErrorAt(path), HasSubstr("another process listens there"));
    fs::remove(path);
    LeaveStale(path);
  }
  EXPECT_TRUE(fs::exists(path)) << "it stands where the server's own was";
  fs::remove(path);
  std::ofstream(path) << "text";
  EXPECT_THAT(ErrorAt(path), HasSubstr("is no socket"));
  EXPECT_TRUE(fs::is_regular_file(path));
}

TEST(UnixSocket, ReachesAPathThatIsLongerThanAnAddress) {
  const TempDir folder;
  const fs::path deep = folder.path() / std::string(120, 'd');
  fs::create_directory(deep);
  const fs::path path = deep / "it.sock";
  TestServer server({}, nullptr, path.string());
  EXPECT_EQ(ModeOf(path), 0600u);
  RawClient client(path);
  client.Send(kGet);
  EXPECT_EQ(StatusOf(client.ReadResponse()), 200);
  EXPECT_THAT(ErrorAt(path), HasSubstr("another process listens there"));
  EXPECT_THAT(ErrorAt(deep / std::string(100, 's')), HasSubstr("too long"));
}

TEST(UnixSocket, SaysWhatIsWrongWithAPath) {
  const TempDir folder;
  EXPECT_THAT(ErrorAt(folder.path() / "no" / "it.sock"), HasSubstr("No such file or directory"));
  EXPECT_THAT(ErrorAt(folder.path() / "no" / std::string(120, 'd') / "it.sock"), HasSubstr("No such file"));
  EXPECT_THAT(UnixName::Of("").error().detail, HasSubstr("names no socket"));
}

// A host may have that name.
TEST(UnixSocket, IsNeverMeantByAnAddress) {
  const TempDir folder;
  const fs::path path = folder.path() / "5000";
  runtime::Loop loop("test");
  for (const std::string& addr : {"unix:" + path.string(), std::string("unix:no")}) {
    ServerOptions options;
    options.addr = addr;
    const auto server = Server::Listen(std::move(options), {&loop});
    EXPECT_FALSE(server) << addr;
    EXPECT_FALSE(fs::exists(path));
  }
}

// They have no address, and may be anybody on this machine.
TEST(UnixSocket, ItsClientsAreNoCrowd) {
  const TempDir folder;
  const fs::path path = folder.path() / "it.sock";
  TestServer server({.connections = 2, .crowd_window = std::chrono::milliseconds(100)}, nullptr, path.string());
  const auto slow = [&path] {
    auto client = std::make_unique<RawClient>(path);
    client->Send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(StatusOf(client->ReadUntil("\r\n\r\n")), 200);
    return client;
  };
  const auto first = slow();
  auto second = slow();
  RawClient other(path);
  other.Send(kGet);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_TRUE(server.incidents().empty());
  second.reset();
  EXPECT_EQ(StatusOf(other.ReadResponse()), 200);
}

}  // namespace
}  // namespace portcall::http
