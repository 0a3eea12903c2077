#include "runtime/http/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/http/fixture.h"

namespace portcall::http {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Listener, LocalhostIsBothLoopbacksOnOnePort) {
  asio::io_context context;
  const Result<std::vector<TcpAcceptor>> bound = Bind(context.get_executor(), "localhost:0");
  ASSERT_TRUE(bound) << bound.error().detail;
  ASSERT_EQ(bound->size(), 2u);
  const std::string port = ":" + std::to_string((*bound)[0].local_endpoint().port());
  EXPECT_EQ(Shown((*bound)[0].local_endpoint()), "127.0.0.1" + port);
  EXPECT_EQ(Shown((*bound)[1].local_endpoint()), "[::1]" + port);
}

TEST(Listener, NoHostIsEveryAddressAndShowsOldPeersAsTheyAre) {
  TestServer server({}, nullptr, ":0");
  EXPECT_THAT(server.server().addresses().front(), StartsWith("[::]:"));
  RawClient client(server.port());
  client.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadResponse(), HasSubstr("\r\nX-Peer: 127.0.0.1\r\n"));
}

TEST(Listener, AnUnspecifiedAddressIsEveryAddressOfBothFamilies) {
  for (const char* addr : {"0.0.0.0:0", "[::]:0", "[0::0]:0", "[::ffff:0.0.0.0]:0", "0:0"}) {
    TestServer server({}, nullptr, addr);
    EXPECT_THAT(server.server().addresses(), ElementsAre(StartsWith("[::]:"))) << addr;
    for (const asio::ip::address& at :
         {asio::ip::address(asio::ip::address_v4::loopback()), asio::ip::address(asio::ip::address_v6::loopback())}) {
      asio::io_context context;
      asio::ip::tcp::socket client(context);
      error_code ec;
      client.connect({at, server.port()}, ec);
      EXPECT_FALSE(ec) << addr << " " << at;
    }
  }
}

TEST(Listener, AnAddressOfOneFamilyInTheOthersFormIsThatAddress) {
  asio::io_context context;
  const Result<std::vector<TcpAcceptor>> bound = Bind(context.get_executor(), "[::ffff:127.0.0.1]:0");
  ASSERT_TRUE(bound) << bound.error().detail;
  EXPECT_THAT(Shown(bound->front().local_endpoint()), StartsWith("127.0.0.1:"));
}

TEST(Listener, OfANameTheFirstIPv4AddressIsTakenWhereverItStands) {
  asio::io_context context;
  std::vector<asio::ip::address> known;
  const auto bound = [&]() -> std::string {
    const auto acceptors =
        Bind(context.get_executor(), "name.test:0", [&](const std::string&) -> Resolver::Answer { return known; });
    return acceptors ? Shown(acceptors->front().local_endpoint()) : acceptors.error().detail;
  };
  for (const char* text : {"::1", "127.0.0.2", "127.0.0.1"}) known.push_back(asio::ip::make_address(text));
  EXPECT_THAT(bound(), StartsWith("127.0.0.2:"));
  known.resize(1);
  EXPECT_THAT(bound(), StartsWith("[::1]:"));
  known.front() = asio::ip::address_v4::any();
  EXPECT_THAT(bound(), StartsWith("[::]:"));
}

TEST(Listener, SaysWhatIsWrong) {
  asio::io_context context;
  const auto error = [&](const std::string& addr) {
    const Result<std::vector<TcpAcceptor>> bound = Bind(context.get_executor(), addr);
    EXPECT_FALSE(bound) << addr;
    return bound ? "" : bound.error().detail;
  };
  for (const char* bad : {"", "5000", "localhost", "localhost:", "localhost:http", "::1:5000", "127.0.0.1:65536"}) {
    EXPECT_THAT(error(bad), HasSubstr("write host:port")) << bad;
  }
  EXPECT_THAT(error("192.0.2.1:0"), HasSubstr("no interface of this machine"));
  EXPECT_THAT(error("no-such-host.invalid:0"), HasSubstr("no such host"));

  const Result<std::vector<TcpAcceptor>> taken = Bind(context.get_executor(), "127.0.0.1:0");
  ASSERT_TRUE(taken);
  const std::string addr = Shown(taken->front().local_endpoint());
  EXPECT_THAT(error(addr), AllOf(HasSubstr(addr), HasSubstr("stop the process that has it")));
  EXPECT_TRUE(EndpointsOf(addr)) << "the one that has it may be the server itself";
  for (const char* bad : {"5000", "192.0.2.1:5000", "no-such-host.invalid:5000"}) {
    const auto endpoints = EndpointsOf(bad);
    ASSERT_FALSE(endpoints) << bad;
    EXPECT_EQ(endpoints.error().detail, error(bad));
  }
}

TEST(Listener, KnowsWhichAddressesCollideOnceTheyAreLookedUp) {
  using Pair = std::pair<const char*, const char*>;
  const auto collide = [](const char* a, const char* b) { return Collide(*EndpointsOf(a), *EndpointsOf(b)); };
  for (const auto& [a, b] :
       {Pair{"[::1%lo]:5000", "[::1]:5000"}, Pair{"0.0.0.0:5000", "[::]:5000"}, Pair{"0.0.0.0:5000", "[::1]:5000"},
        Pair{"[::]:5000", "127.1:5000"}, Pair{"[::ffff:127.0.0.1]:5000", "127.0.0.1:5000"},
        Pair{"127.1:5000", "0.0.0.0:5000"}, Pair{"127.1:5000", "localhost:5000"}, Pair{"127.1:5000", ":5000"},
        Pair{"[::]:5000", "[::1%lo]:5000"}, Pair{":5000", "[::1]:5000"}}) {
    EXPECT_TRUE(collide(a, b)) << a << " " << b;
    EXPECT_TRUE(collide(b, a)) << a << " " << b;
  }
  for (const auto& [a, b] :
       {Pair{"127.1:5000", "127.1:5001"}, Pair{"127.1:0", "127.1:0"}, Pair{"127.1:5000", "127.0.0.2:5000"}}) {
    EXPECT_FALSE(collide(a, b)) << a << " " << b;
  }
}

}  // namespace
}  // namespace portcall::http
