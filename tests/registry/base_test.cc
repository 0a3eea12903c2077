#include <prometheus/counter.h>

#include <atomic>
#include <thread>

#include "tests/registry/service_fixture.h"

namespace portcall::registry {
namespace {

class BaseTest : public ServiceTest {};

TEST_F(BaseTest, Ping) {
  for (const char* method : {"GET", "POST"}) {
    const auto response = Send(method, "/v2/");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(BodyOf(response), "{}");
    EXPECT_EQ(Field(response, "Content-Type"), "application/json; charset=utf-8");
    EXPECT_EQ(Field(response, "Docker-Distribution-Api-Version"), "registry/2.0");
    EXPECT_EQ(Field(response, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(response.handler, "base");
  }
}

TEST_F(BaseTest, WithoutTheSlashItRedirects) {
  const auto response = Send("GET", "/v2");
  EXPECT_EQ(response.status, 301);
  EXPECT_EQ(Field(response, "Location"), "/v2/");
  EXPECT_EQ(BodyOf(response), "<a href=\"/v2/\">Moved Permanently</a>.\n\n");
}

TEST_F(BaseTest, AnotherSpellingIsSentToTheOneThatWasMeant) {
  const auto catalog = Send("GET", "/v2/_catalog/?n=1");
  EXPECT_EQ(catalog.status, 301);
  EXPECT_EQ(Field(catalog, "Location"), "/v2/_catalog?n=1");
  EXPECT_EQ(Field(Send("HEAD", "//v2/"), "Location"), "/v2/");
  EXPECT_EQ(Send("GET", "//example.com/").status, 404);
  EXPECT_EQ(Send("POST", "/v2//a/blobs/uploads/").status, 404) << "a client would go on with a GET";
  const auto quoted = Send("GET", "/v2/_catalog/?\"><script>");
  EXPECT_EQ(BodyOf(quoted).find("<script>"), std::string::npos);
}

TEST_F(BaseTest, AFieldOfTheFileDoesNotStandBesideTheHandlersOwn) {
  config_.http.headers = {{"cache-control", "no-store"}, {"X-A", "1"}, {"X-A", "2"}};
  Reconfigure();
  const auto blob = Send("GET", "/v2/a/blobs/" + PushBlob("a", "x"));
  EXPECT_EQ(blob.fields.All("Cache-Control"), std::vector<std::string_view>{"max-age=31536000"});
  EXPECT_EQ(blob.fields.All("X-A").size(), 2u);
  EXPECT_EQ(Field(Send("GET", "/v2/"), "Cache-Control"), "no-store");
}

TEST_F(BaseTest, TheRootSaysThatItIsAlive) {
  const auto response = Send("GET", "/");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(Field(response, "Cache-Control"), "no-cache");
  EXPECT_EQ(BodyOf(response), "");
}

TEST_F(BaseTest, UnroutedPathsAreNotFoundInPlainText) {
  for (const char* path : {"/v2/UPPER/tags/list", "/v2/x/manifests/.bad", "/nowhere"}) {
    const auto response = Send("GET", path);
    EXPECT_EQ(response.status, 404);
    EXPECT_EQ(Field(response, "Content-Type"), "text/plain; charset=utf-8");
    EXPECT_EQ(BodyOf(response), "404 page not found\n");
  }
}

TEST_F(BaseTest, AFullLogRefusesChangesAndServesTheRest) {
  const std::string image = PushImage("b", "v1");
  const store::Seq head = Head();
  std::atomic<bool> full = true;
  RegistryDeps deps{*store_, *blobs_, pool_, log_, metrics_, clock_, "vm:5600", "720941f0-542c-466c-9908-d779422bdd87"};
  deps.log_is_full = [&full] { return full.load(); };
  registry_ = std::make_unique<Registry>(std::move(deps), std::make_shared<config::Config>(config_));
  const std::pair<const char*, const char*> changes[] = {
      {"POST", "/v2/a/blobs/uploads/"}, {"PUT", "/v2/a/manifests/v1"}, {"DELETE", "/v2/a/manifests/v1"}};
  for (const auto& [method, target] : changes) {
    const auto response = Send(method, target);
    EXPECT_EQ(response.status, 503) << method;
    EXPECT_EQ(CodesOf(BodyOf(response)), "UNAVAILABLE");
    EXPECT_EQ(Field(response, "Retry-After"), "60");
  }
  EXPECT_EQ(Send("GET", "/v2/").status, 200);
  EXPECT_EQ(Send("GET", "/v2/_catalog").status, 200);
  config_.events.pull = config::PullEvents::kRelaxed;
  Reconfigure();
  EXPECT_EQ(BodyOf(Send("GET", "/v2/b/manifests/v1")), image);
  const auto& lost = metrics_.Count("portcall_pull_events_lost_total", "");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (lost.Value() < 1 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(lost.Value(), 1);
  config_.events.pull = config::PullEvents::kDurable;
  Reconfigure();
  for (const std::string& path : {std::string("/v2/b/manifests/v1"), "/v2/b/blobs/" + Sha256("{}")}) {
    const auto response = Send("GET", path);
    EXPECT_EQ(response.status, 503) << "a durable pull waits for its event";
    EXPECT_EQ(Field(response, "Retry-After"), "60");
  }
  EXPECT_EQ(Send("GET", "/v2/b/tags/list").status, 200);
  EXPECT_EQ(Head(), head);
  full = false;
  EXPECT_EQ(Send("GET", "/v2/b/manifests/v1").status, 200);
  EXPECT_EQ(Send("POST", "/v2/a/blobs/uploads/").status, 202);
  registry_.reset();
}

TEST_F(BaseTest, WrongMethodsAreToldTheRightOnes) {
  const auto tags = Send("POST", "/v2/a/tags/list");
  EXPECT_EQ(tags.status, 405);
  EXPECT_EQ(Field(tags, "Allow"), "GET");
  EXPECT_EQ(BodyOf(tags), "Method not allowed\n");
  const auto blob = Send("PUT", "/v2/a/blobs/" + Sha256("x"));
  EXPECT_EQ(blob.status, 405);
  EXPECT_EQ(Field(blob, "Allow"), "DELETE, GET, HEAD");
  EXPECT_EQ(Send("get", "/v2/a/tags/list").status, 405) << "methods are case-sensitive";
  EXPECT_EQ(Send("OPTIONS", "/v2/a/tags/list").status, 200);
}

TEST_F(BaseTest, TooLongNamesAreInvalid) {
  const auto response = Send("GET", "/v2/" + std::string(256, 'a') + "/tags/list");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(CodesOf(BodyOf(response)), "NAME_INVALID");
}

TEST_F(BaseTest, UnhealthyRefusesEverythingUntilCleared) {
  registry_->SetUnhealthy(true);
  for (const char* path : {"/", "/v2/", "/v2/a/tags/list", "/nowhere"}) {
    const auto response = Send("GET", path);
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(BodyOf(response),
              "{\"errors\":[{\"code\":\"UNAVAILABLE\",\"message\":\"service unavailable\","
              "\"detail\":\"health check failed: please see /debug/health\"}]}\n");
  }
  registry_->SetUnhealthy(false);
  EXPECT_EQ(Send("GET", "/v2/").status, 200);
}

TEST_F(BaseTest, ReadOnlyReadsAndWritesNothing) {
  const std::string image = PushImage("a", "v1");
  const std::string upload = StartUpload("a");
  config_.storage.read_only = true;
  Reconfigure();
  const store::Seq head = Head();
  for (const auto& [method, path] :
       std::vector<std::pair<std::string, std::string>>{{"POST", "/v2/a/blobs/uploads/"},
                                                        {"PUT", "/v2/a/manifests/v2"},
                                                        {"PATCH", upload},
                                                        {"PUT", upload},
                                                        {"DELETE", upload},
                                                        {"DELETE", "/v2/a/manifests/v1"},
                                                        {"DELETE", "/v2/a/blobs/" + Sha256("{}")}}) {
    const auto response = Send(method, path);
    EXPECT_EQ(response.status, 405) << method << " " << path;
    EXPECT_EQ(Field(response, "Allow"), "GET, HEAD");
    EXPECT_EQ(BodyOf(response), "Method not allowed\n");
  }
  EXPECT_EQ(Head(), head);
  EXPECT_EQ(BodyOf(Send("GET", "/v2/a/manifests/v1")), image);
}

TEST_F(BaseTest, OnAFullDiskPushesAreRefusedAndPullsWork) {
  const std::string image = PushImage("a", "v1");
  config_.events.pull = config::PullEvents::kRelaxed;
  Reopen(std::uint64_t{1} << 62);
  const store::Seq head = Head();
  for (const auto& response : {Send("POST", "/v2/a/blobs/uploads/"), PutManifest("a", "v2", image),
                               Send("POST", "/v2/b/blobs/uploads/?from=a&mount=" + Sha256("{}"))}) {
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(CodesOf(BodyOf(response)), "UNAVAILABLE");
    EXPECT_NE(BodyOf(response).find("out of disk space"), std::string::npos);
    EXPECT_FALSE(Field(response, "Retry-After").empty());
  }
  EXPECT_EQ(BodyOf(Send("GET", "/v2/a/manifests/v1")), image);
  EXPECT_EQ(BodyOf(Send("GET", "/v2/a/blobs/" + Sha256("layer"))), "layer");
  config_.events.pull = config::PullEvents::kDurable;
  Reconfigure();
  EXPECT_EQ(Send("GET", "/v2/a/manifests/v1").status, 503) << "a durable pull waits for its event";
  EXPECT_EQ(Head(), head);
}

TEST_F(BaseTest, APrefixMovesEverythingButTheRoot) {
  config_.http.prefix = "/my/nested/";
  Reconfigure();
  EXPECT_EQ(Send("GET", "/my/nested/v2/").status, 200);
  EXPECT_EQ(Send("GET", "/v2/").status, 404);
  EXPECT_EQ(Send("GET", "/").status, 200);
  const auto response = Send("POST", "/my/nested/v2/a/blobs/uploads/");
  EXPECT_EQ(response.status, 202);
  EXPECT_TRUE(PathOf(Field(response, "Location")).starts_with("/my/nested/v2/a/blobs/uploads/"));
}

TEST_F(BaseTest, TheRouteNamesTheHandlerWhateverTheRepositoryIsCalled) {
  config_.http.prefix = "/reg/";
  Reconfigure();
  for (const auto& [path, handler] : std::vector<std::pair<std::string, std::string>>{
           {"/reg/v2/a/manifests/b/tags/list", "tags"},
           {"/reg/v2/a/manifests/b/blobs/" + Sha256("x"), "blob"},
           {"/reg/v2/blobs/uploads/manifests/v1", "manifest"},
           {"/reg/v2/manifests/blobs/uploads/0b872476-96e0-4f47-ba33-e1187ace6623", "blob_upload_chunk"},
           {"/v2/a/manifests/v1", ""}}) {
    EXPECT_EQ(Send("GET", path).handler, handler) << path;
  }
  registry_->SetUnhealthy(true);
  EXPECT_EQ(Send("GET", "/reg/v2/a/manifests/b/tags/list").handler, "tags");
}

TEST_F(BaseTest, ErrorsOfHeadHaveALengthAndNoBody) {
  const auto get = Send("GET", "/v2/a/blobs/" + Sha256("x"));
  const auto head = Send("HEAD", "/v2/a/blobs/" + Sha256("x"));
  EXPECT_EQ(head.status, 404);
  EXPECT_EQ(BodyOf(head), "");
  EXPECT_EQ(head.head_length, BodyOf(get).size());
}

TEST_F(BaseTest, LogFieldsNameTheSubjectAndTheError) {
  const auto response = Send("GET", "/v2/a/b/manifests/nosuch");
  const std::vector<std::pair<std::string, std::string>> expected{{"err.code", "manifest unknown"},
                                                                  {"err.detail", R"({"Tag":"nosuch"})"},
                                                                  {"err.message", "manifest unknown"},
                                                                  {"vars.name", "a/b"},
                                                                  {"vars.reference", "nosuch"}};
  EXPECT_EQ(response.log, expected);
  EXPECT_EQ(response.handler, "manifest");
}

}  // namespace
}  // namespace portcall::registry
