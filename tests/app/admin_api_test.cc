#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "app/admin/api.h"
#include "app/admin/user_names.h"
#include "runtime/text.h"
#include "store/cursors.h"
#include "store/event_log.h"
#include "tests/app/fake_control.h"
#include "tests/support/temp_dir.h"

namespace portcall::app {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class AdminApiTest : public ::testing::Test {
 protected:
  AdminApiTest() {
    store::StoreOptions options;
    options.database = folder_.path() / "portcall.db";
    options.reserve_bytes = 0;
    store_ = *store::Store::Open(std::move(options), pool_);
    broker::EndpointStatus hook, orphan;
    hook.name = "a/b c%";
    hook.condition = broker::Condition::kDown;
    hook.last_error = broker::LastError{"answered \x1b[31m503", "id-1", 1'700'000'000'000'000'000, 503, 4};
    orphan.name = "gone";
    orphan.orphaned = true;
    orphan.condition = broker::Condition::kOrphaned;
    control_.status = {hook, orphan};
  }
  ~AdminApiTest() override { store_->Close(); }

  AdminAnswer Ask(const std::string& method, const std::string& target, const std::string& body = {},
                  const std::string& type = {}) {
    return AnswerTo({control_, *store_}, {method, target, type, body, "root"});
  }
  json Got(const std::string& target) {
    const AdminAnswer answer = Ask("GET", target);
    EXPECT_EQ(answer.status, 200) << target << " " << answer.body;
    EXPECT_EQ(answer.type, "application/json");
    return json::parse(answer.body);
  }
  // The detail of a refusal.
  std::string Refused(int status, const std::string& method, const std::string& target, const std::string& body = {},
                      const std::string& type = {}) {
    const AdminAnswer answer = Ask(method, target, body, type);
    EXPECT_EQ(answer.status, status) << method << " " << target << " " << body;
    EXPECT_EQ(answer.type, "application/problem+json");
    const json problem = json::parse(answer.body);
    EXPECT_EQ(problem.at("status"), status);
    EXPECT_EQ(problem.at("detail"), answer.problem);
    EXPECT_FALSE(problem.at("title").get<std::string>().empty());
    return problem.at("detail");
  }
  void Bury(int count) {
    ASSERT_TRUE(store_->WriteNow([count](store::Tx& tx) -> Result<bool> {
      store::Cursor cursor;
      cursor.endpoint = "hook";
      store::Settlement settlement;
      settlement.cursor = store::PutCursor(tx, cursor);
      settlement.number = 1;
      for (int i = 1; i <= count; ++i) {
        store::DeadLetter dead;
        dead.endpoint = i % 2 == 1 ? "hook" : "other";
        dead.event.seq = i;
        dead.event.repository = "acme/app";
        dead.reason = "rejected";
        dead.answer = "400 no\n";
        dead.died_at = 1'700'000'000'000'000'000;
        settlement.dead.push_back(std::move(dead));
      }
      store::AttemptRow failed;
      failed.seq = 1;
      failed.status = 400;
      failed.error = "answered 400";
      settlement.attempts = {failed};
      (void)store::Settle(tx, settlement);
      return true;
    }));
  }

  void Push(const std::string& repository, const std::string& tag, const std::string& id = {}) {
    store::Event event;
    event.kind = store::Kind::kTag;
    event.repository = repository;
    event.tag = tag;
    event.id = id;
    ASSERT_TRUE(store_->WriteNow([&](store::Tx& tx) -> Result<store::Seq> { return store::Append(tx, event); }));
  }

  testing::TempDir folder_;
  asio::thread_pool pool_{2};
  std::unique_ptr<store::Store> store_;
  FakeControl control_;
};

TEST_F(AdminApiTest, ShowsEndpointsWithoutWhatATerminalWouldObey) {
  const AdminAnswer answer = Ask("GET", "/api/v1/endpoints");
  EXPECT_TRUE(std::ranges::none_of(answer.body, [](char c) { return c != '\n' && runtime::IsControl(c); }));
  const json all = json::parse(answer.body).at("endpoints");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].at("state"), "down");
  EXPECT_EQ(all[0].at("last_error").at("error"), "answered \x1b[31m503");
  EXPECT_EQ(all[0].at("last_error").at("attempt"), 4);
  EXPECT_EQ(all[0].at("next_try"), nullptr);
  EXPECT_EQ(all[1].at("state"), "orphaned");
}

TEST_F(AdminApiTest, NamesArePercentEncoded) {
  EXPECT_EQ(Got("/api/v1/endpoints/a%2Fb%20c%25").at("name"), "a/b c%");
  EXPECT_EQ(Got("/api/v1/endpoints/gone").at("state"), "orphaned");
  EXPECT_EQ(Ask("POST", "/api/v1/endpoints/a%2Fb%20c%25/pause", R"({"reason": "why"})", "application/json").status,
            200);
  EXPECT_EQ(Ask("POST", "/api/v1/endpoints/a%2Fb%20c%25/resume").status, 200);
  EXPECT_EQ(json::parse(Ask("DELETE", "/api/v1/orphans/%c3%a4%01").body).at("dropped"), 7);
  EXPECT_EQ(Ask("DELETE", "/api/v1/dead-letters/9").status, 204);
  control_.gone = {8};
  EXPECT_EQ(Ask("DELETE", "/api/v1/dead-letters/8").status, 404);
  EXPECT_THAT(control_.asked, ::testing::ElementsAre("pause a/b c% why root", "resume a/b c% root",
                                                     "drop \xc3\xa4\x01 root", "dead 9 root", "dead 8 root"));
}

TEST_F(AdminApiTest, SeveralDeadLettersAreEndedByTheirNumbers) {
  control_.gone = {8};
  for (const auto& [verb, asked] : {std::pair{"drop", "dead"}, std::pair{"retry", "retry"}}) {
    const std::string path = std::string("/api/v1/dead-letters/") + verb;
    const AdminAnswer answer = Ask("POST", path, R"({"ids": [7, 8]})", "application/json");
    ASSERT_EQ(answer.status, 200);
    EXPECT_EQ(
        json::parse(answer.body),
        json::parse(R"({"done": 1, "looked_at": 2, "left": [{"id": 8, "reason": "no dead letter 8", "gone": true}]})"));
    EXPECT_THAT(control_.asked, ::testing::ElementsAre(asked + std::string(" 7 root"), asked + std::string(" 8 root")));
    control_.asked.clear();
    for (const char* bad :
         {"", "{}", "[7]", R"({"ids": []})", R"({"ids": [0]})", R"({"ids": [1.5]})", R"({"ids": ["7"]})",
          R"({"ids": [99999999999999999999]})", R"({"ids": [7], "all": true})"}) {
      Refused(400, "POST", path, bad);
    }
    Refused(400, "POST", path, json{{"ids", std::vector<int>(1'001, 7)}}.dump());
    EXPECT_TRUE(control_.asked.empty());
  }
}

TEST_F(AdminApiTest, RefusesWhatItDoesNotUnderstandAndDoesNothing) {
  EXPECT_THAT(Refused(404, "GET", "/api/v1/endpoints/gon"), HasSubstr("did you mean gone?"));
  for (const char* nowhere : {"/", "/api/v1", "/api/v1/endpoints/", "/api/v1/endpoints//pause", "/api/v2/endpoints",
                              "/api/v1/endpoints/a/b/c", "api", "/api/v1/endpointsx"}) {
    Refused(404, "GET", nowhere);
  }
  EXPECT_EQ(Ask("PUT", "/api/v1/dead-letters/1").allow, "GET, HEAD, DELETE");
  Refused(405, "GET", "/api/v1/endpoints/gone/pause");
  EXPECT_THAT(Refused(400, "GET", "/api/v1/endpoints?nmae=x"), HasSubstr("nmae"));
  Refused(400, "GET", "/api/v1/dead-letters?limit=1&limit=2");
  for (const char* bad : {"limit=0", "limit=1001", "limit=x", "limit=", "after=-1", "after=1e3",
                          "endpoint=", "repository=", "since=2h"}) {
    Refused(400, "GET", std::string("/api/v1/dead-letters?") + bad);
  }
  for (const char* none : {"0", "-1", "x", "99999999999999999999", "1%20"}) {
    Refused(404, "DELETE", std::string("/api/v1/dead-letters/") + none);
  }
  const std::string pause = "/api/v1/endpoints/gone/pause";
  for (const std::string& body : {std::string("x"), std::string("[]"), std::string(R"({"reason": 1})"),
                                  std::string(R"({"raeson": "x"})"), std::string("{\"reason\": \"\xff\"}"),
                                  "{\"reason\": \"" + std::string(1'001, 'x') + "\"}", std::string(60'000, '[')}) {
    Refused(400, "POST", pause, body);
  }
  Refused(415, "POST", pause, "{}", "text/plain");
  Refused(400, "POST", "/api/v1/endpoints/gone/resume", "{}", "application/json");
  EXPECT_TRUE(control_.asked.empty());
}

TEST_F(AdminApiTest, AChangeIsDoneAlsoWhereAReloadTakesTheEndpointAwayBehindIt) {
  control_.after_change = [this] { control_.status.clear(); };
  for (const char* verb : {"pause", "resume"}) {
    const AdminAnswer answer = Ask("POST", std::string("/api/v1/endpoints/gone/") + verb);
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(answer.body + answer.problem, "");
  }
}

TEST_F(AdminApiTest, SaysWhyNotByItsStatus) {
  using Pair = std::pair<Errc, int>;
  for (const auto& [code, status] : {Pair{Errc::kNotFound, 404}, Pair{Errc::kConflict, 409}, Pair{Errc::kNoSpace, 503},
                                     Pair{Errc::kTimeout, 503}, Pair{Errc::kUnavailable, 503}}) {
    control_.refusal = Error(code, "because");
    for (const char* verb : {"pause", "resume"}) {
      EXPECT_EQ(Refused(status, "POST", std::string("/api/v1/endpoints/gone/") + verb), "because");
    }
    EXPECT_EQ(Refused(status, "DELETE", "/api/v1/orphans/gone"), "because");
    EXPECT_EQ(Refused(status, "DELETE", "/api/v1/dead-letters/1"), "because");
  }
}

TEST_F(AdminApiTest, PagesThroughDeadLetters) {
  Bury(5);
  const json first = Got("/api/v1/dead-letters?limit=2");
  ASSERT_EQ(first.at("dead_letters").size(), 2u);
  const json rest = Got("/api/v1/dead-letters?limit=3&after=" + std::to_string(first.at("next").get<int>()));
  EXPECT_EQ(rest.at("dead_letters").size(), 3u);
  EXPECT_EQ(rest.at("next"), nullptr);
  const json one = rest.at("dead_letters").at(0);
  EXPECT_EQ(one.at("endpoint"), "hook");
  EXPECT_FALSE(one.contains("answer"));
  EXPECT_EQ(Got("/api/v1/dead-letters?endpoint=other").at("dead_letters").size(), 2u);
  EXPECT_EQ(Got("/api/v1/dead-letters?repository=acme/*").at("dead_letters").size(), 5u);
  EXPECT_EQ(Got("/api/v1/dead-letters?repository=other/*").at("dead_letters").size(), 0u);
  EXPECT_EQ(Got("/api/v1/dead-letters?since=2023-11-14T22:13:20Z").at("dead_letters").size(), 5u);
  EXPECT_EQ(Got("/api/v1/dead-letters?since=2023-11-14T22:13:21Z").at("dead_letters").size(), 0u);
  const json some = Got("/api/v1/dead-letters?repository=acme/app&limit=2");
  EXPECT_EQ(some.at("dead_letters").size(), 2u);
  EXPECT_EQ(some.at("next"), some.at("dead_letters").at(1).at("id"));
  EXPECT_EQ(Got("/api/v1/dead-letters/" + std::to_string(one.at("id").get<int>())).at("answer"), "400 no\n");
}

TEST_F(AdminApiTest, FindsEventsByWhatTheyAre) {
  Push("acme/app", "v1");
  Push("acme/app", "v2");
  Push("other", "v1", "made/elsewhere");
  const auto seqs = [this](const std::string& question) {
    std::vector<int> found;
    const json page = Got("/api/v1/events" + question);
    for (const json& event : page.at("events")) found.push_back(event.at("seq"));
    return found;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(seqs(""), ElementsAre(3, 2, 1));
  EXPECT_THAT(seqs("?repository=acme/app"), ElementsAre(2, 1));
  EXPECT_THAT(seqs("?repository=acme%2F*&tag=v1"), ElementsAre(1));
  EXPECT_THAT(seqs("?repository=acme/app&tag=v?"), ElementsAre(2, 1));
  EXPECT_THAT(seqs("?tag=v1&before=3"), ElementsAre(1));
  EXPECT_THAT(seqs("?action=pull"), ElementsAre());
  EXPECT_THAT(seqs("?since=2100-01-01T00:00:00Z"), ElementsAre());
  const json page = Got("/api/v1/events?limit=2");
  EXPECT_EQ(page.at("next"), 2);
  EXPECT_EQ(page.at("looked_to"), 2);
  EXPECT_EQ(Got("/api/v1/events?before=2").at("next"), nullptr);
  EXPECT_EQ(Got("/api/v1/events/made%2Felsewhere").at("seq"), 3) << "no index has it, and its id tells no time";
  EXPECT_EQ(Got("/api/v1/events/2").at("event").at("tag"), "v2");
  for (const char* none : {"0", "4", "-1", "99999999999999999999", "nobody"}) {
    EXPECT_THAT(Refused(404, "GET", std::string("/api/v1/events/") + none), ::testing::StartsWith("no event "));
  }
  for (const char* bad : {"limit=0", "limit=1001", "before=0", "since=soon", "action=psuh", "repository=", "kind=x"}) {
    Refused(400, "GET", std::string("/api/v1/events?") + bad);
  }
  Refused(400, "GET", "/api/v1/events?tag=" + std::string(300, 'x'));
}

TEST_F(AdminApiTest, AnEventThatWaitsIsShownWithHowItsEndpointIs) {
  Push("acme/app", "v1");
  ASSERT_TRUE(store_->WriteNow([](store::Tx& tx) -> Result<bool> {
    for (const char* name : {"a/b c%", "gone"}) {
      store::Cursor cursor;
      cursor.endpoint = name;
      store::PutCursor(tx, cursor);
    }
    return true;
  }));
  control_.status[0].next_try = 1'800'000'000'000'000'000;
  const json verdicts = Got("/api/v1/events/1").at("endpoints");
  ASSERT_EQ(verdicts.size(), 2u);
  EXPECT_EQ(verdicts[0].at("verdict"), "pending");
  EXPECT_EQ(verdicts[0].at("state"), "down");
  EXPECT_EQ(verdicts[0].at("next_try"), "2027-01-15T08:00:00Z");
  EXPECT_EQ(verdicts[1].at("state"), nullptr) << "the orphan of that name is another one";
}

TEST_F(AdminApiTest, ListsAttemptsTheNewestFirst) {
  ASSERT_TRUE(store_->WriteNow([](store::Tx& tx) -> Result<bool> {
    for (const char* name : {"hook", "other"}) {
      store::Cursor cursor;
      cursor.endpoint = name;
      store::Settlement settlement;
      settlement.cursor = store::PutCursor(tx, cursor);
      settlement.number = 1;
      for (int i = 1; i <= 3; ++i) {
        store::AttemptRow row;
        row.seq = i;
        row.attempt = i - 1;  // the first one is superseded
        row.delivered = i == 3;
        if (i < 3) row.error = "no";
        settlement.attempts.push_back(row);
      }
      (void)store::Settle(tx, settlement);
      if (cursor.endpoint == "other") store::DropCursor(tx, settlement.cursor);
    }
    return true;
  }));
  const auto ids = [this](const std::string& question) {
    std::vector<int> found;
    const json page = Got("/api/v1/attempts" + question);
    for (const json& attempt : page.at("attempts")) found.push_back(attempt.at("id"));
    return found;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(ids(""), ElementsAre(6, 5, 4, 3, 2, 1));
  EXPECT_THAT(ids("?endpoint=hook"), ElementsAre(3, 2, 1));
  EXPECT_THAT(ids("?endpoint=other&before=6"), ElementsAre(5, 4)) << "it is gone";
  EXPECT_THAT(ids("?endpoint=oth"), ElementsAre());
  EXPECT_THAT(ids("?failed=true"), ElementsAre(5, 2)) << "superseded events were not sent";
  const json page = Got("/api/v1/attempts?limit=2");
  EXPECT_EQ(page.at("next"), 5);
  EXPECT_EQ(page.at("attempts").at(0).at("endpoint"), "other");
  EXPECT_EQ(Got("/api/v1/attempts?before=2").at("next"), nullptr);
  for (const char* bad : {"limit=0", "limit=1001", "before=0", "failed=yes", "endpoint=", "tag=x"}) {
    Refused(400, "GET", std::string("/api/v1/attempts?") + bad);
  }
}

// What the document says is what the table has, in both directions.
TEST_F(AdminApiTest, TheDocumentDescribesTheTable) {
  const json document = Got("/api/v1/openapi.json");
  EXPECT_EQ(document.at("openapi"), "3.1.0");
  using Line = std::tuple<std::string, std::string, std::string, std::set<std::string>, bool>;
  std::set<Line> told, table;
  for (const auto& [path, item] : document.at("paths").items()) {
    for (const auto& [method, operation] : item.items()) {
      if (method == "parameters") continue;
      std::set<std::string> query;
      for (const json& parameter : operation.value("parameters", json::array())) query.insert(parameter.at("name"));
      std::string upper = method;
      std::ranges::transform(upper, upper.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
      told.insert({upper, path, operation.at("operationId"), query, operation.contains("requestBody")});
    }
  }
  for (const AdminRoute& route : AdminRoutes()) {
    table.insert({std::string(route.method),
                  std::string(route.path),
                  std::string(route.operation),
                  {route.query.begin(), route.query.end()},
                  route.takes_body});
  }
  EXPECT_EQ(told, table);
}

// Every member of an answer is in the document, and the other way.
TEST_F(AdminApiTest, TheDocumentDescribesTheAnswers) {
  Push("acme/app", "v1");
  Bury(1);
  const json schemas = Got("/api/v1/openapi.json").at("components").at("schemas");
  const auto expect_members = [&](const json& object, const char* schema) {
    std::set<std::string> sent, told;
    for (const auto& [key, value] : object.items()) sent.insert(key);
    const json& described = schemas.at(schema);
    for (const json& part : described.value("allOf", json::array({described}))) {
      const json& shape = part.contains("$ref") ? schemas.at(part.at("$ref").get<std::string>().substr(21)) : part;
      for (const auto& [key, value] : shape.at("properties").items()) told.insert(key);
    }
    EXPECT_EQ(sent, told) << schema;
  };
  const json endpoints = Got("/api/v1/endpoints");
  expect_members(endpoints, "Endpoints");
  expect_members(endpoints.at("endpoints").at(0), "Status");
  expect_members(endpoints.at("endpoints").at(0).at("last_error"), "LastError");
  expect_members(Got("/api/v1/endpoints/gone"), "Endpoint");
  const json page = Got("/api/v1/dead-letters");
  expect_members(page, "DeadLetters");
  expect_members(page.at("dead_letters").at(0), "Dead");
  expect_members(page.at("dead_letters").at(0).at("event"), "Event");
  expect_members(Got("/api/v1/dead-letters/" + std::to_string(page.at("dead_letters").at(0).at("id").get<int>())),
                 "DeadLetter");
  const json events = Got("/api/v1/events"), trace = Got("/api/v1/events/1");
  expect_members(events, "Events");
  expect_members(events.at("events").at(0), "Event");
  expect_members(trace, "Trace");
  expect_members(trace.at("event"), "Event");
  expect_members(trace.at("endpoints").at(0), "Verdict");
  EXPECT_EQ(trace.at("endpoints").at(0).at("verdict"), "dead");
  expect_members(trace.at("endpoints").at(0).at("tries").at(0), "Try");
  const json attempts = Got("/api/v1/attempts");
  expect_members(attempts, "Attempts");
  expect_members(attempts.at("attempts").at(0), "Attempt");
  expect_members(json::parse(Ask("GET", "/").body), "Problem");
  expect_members(json::parse(Ask("DELETE", "/api/v1/orphans/x").body), "Dropped");
}

TEST(UserNames, AreThoseOfTheFileAlone) {
  const testing::TempDir folder;
  const std::string file = folder.File("passwd");
  std::FILE* out = std::fopen(file.c_str(), "w");
  std::fputs("root:x:0:0:root:/root:/bin/sh\nbroken\n:x:7:7\nana:x:1000:1000::/:/bin/sh", out);
  std::fclose(out);
  EXPECT_EQ(UserName(0, file), "root");
  EXPECT_EQ(UserName(1000, file), "ana");
  EXPECT_EQ(UserName(100, file), "uid 100");
  EXPECT_EQ(UserName(7, file), "uid 7");
  EXPECT_EQ(UserName(1, folder.File("none")), "uid 1");
}

}  // namespace
}  // namespace portcall::app
