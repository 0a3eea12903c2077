#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/registry/service_fixture.h"

namespace portcall::registry {
namespace {

using nlohmann::json;

// What Distribution 2.8.2 answered to these requests, in this order, on one registry; recorded by us. Where ours means
// to differ, the exchange is listed with the answer that ours gives, and why.
struct Difference {
  int status;
  const char* why;
};
const std::map<std::string, Difference> kDifferences{
    {"POST single monolithic digest=", {201, "the specification's single POST"}},
    {"PATCH with wrong Content-Range first", {416, "a chunk must begin where the upload ends"}},
    {"PATCH old Location again (stale _state offset)", {416, "with the way back"}},
    {"PUT bad digest", {400, "the same; the document names the reason in words"}},
    {"GET upload after failed PUT", {404, "the same status; the upload is unknown, its state is not invalid"}},
    {"PATCH wrong content type", {202, "any Content-Type is bytes"}},
    {"PATCH tampered state", {404, "no detail"}},
    {"DELETE upload again", {404, "no detail"}},
    {"PUT sha512 digest", {201, "answered with the digest that was asked for"}},
    {"GET blob range multi", {200, "the whole instead of multipart"}},
    {"GET blob range beyond", {416, "with the length of its own body"}},
    {"GET blob range reversed", {416, "with the blob's size"}},
    {"GET blob bad digest", {400, "the detail is a sentence"}},
    {"PUT manifest not json", {400, "the detail is a sentence"}},
    {"PUT manifest no content-type", {400, "the detail is a sentence"}},
    {"PUT manifest unknown content-type", {400, "the detail is a sentence"}},
    {"PUT manifest mediaType mismatch", {400, "the detail is a sentence"}},
    {"PUT manifest sha256:baddigeststring", {400, "no storage path is made of it"}},
    {"PUT manifest >4MiB", {413, "the specification's status"}},
    {"PUT manifest with subject", {201, "with OCI-Subject"}},
    {"GET referrers", {200, "the referrers API"}},
    {"GET manifest no Accept", {200, "what is stored, whatever Accept says"}},
    {"GET manifest Accept docker only", {200, "what is stored, whatever Accept says"}},
    {"GET manifest Accept */*", {200, "what is stored, whatever Accept says"}},
    {"GET index Accept oci manifest only", {200, "what is stored, whatever Accept says"}},
    {"GET manifest If-None-Match", {304, "with the digest"}},
    {"GET manifest bad digest", {400, "no storage path is made of it"}},
    {"tags list n=1", {200, "pages"}},
    {"tags list repo without tags", {200, "an empty list"}},
    {"catalog n=2", {200, "other repositories were there"}},
    {"catalog n=-1", {200, "other repositories were there"}},
    {"DELETE tag", {202, "tags can be deleted"}},
    {"DELETE tag unknown", {404, "tags can be deleted"}},
    {"DELETE manifest by digest again", {404, "with what was not found"}},
    {"DELETE blob again", {404, "with what was not found"}},
    {"X-Forwarded", {202, "the recorded request had two Host headers"}},
    {"Forwarded", {202, "the recorded request had two Host headers"}},
};
// Of every exchange; what else a response carries is compared.
const std::set<std::string> kOwnFields{"Date", "Content-Length", "Location", "Docker-Upload-Uuid"};

class ReplayTest : public ServiceTest {
 protected:
  // The recorded addresses of uploads, in ours.
  std::string Translated(std::string target) const {
    for (const auto& [theirs, ours] : uploads_) {
      if (target.starts_with(theirs)) return ours + target.substr(theirs.size());
    }
    for (const auto& [theirs, ours] : ids_) {
      if (const std::size_t at = target.find(theirs); at != std::string::npos) target.replace(at, theirs.size(), ours);
    }
    return target;
  }

  http::Response Replay(const json& pair) {
    const std::string line = pair["request"];
    const std::size_t space = line.find(' ');
    Ask ask(line.substr(0, space), Translated(line.substr(space + 1)));
    for (const auto& [name, value] : pair["request_headers"].items()) ask.fields.emplace_back(name, value);
    if (pair.contains("request_body")) ask.body = pair["request_body"];
    if (pair["name"] == "PUT manifest >4MiB") ask.body = std::string(4'194'589, ' ');
    auto response = Send(ask);
    if (pair["name"] == "PATCH with wrong Content-Range first") {
      // Theirs took the chunk; ours takes it without its range, so that what follows can agree.
      ask.fields.clear();
      Learn(pair, Send(ask));
    } else {
      Learn(pair, response);
    }
    return response;
  }

  void Learn(const json& pair, const http::Response& response) {
    for (const auto& header : pair["headers"]) {
      const std::string name = header[0], theirs = header[1];
      if (name == "Location" && theirs.find("_state=") != std::string::npos) {
        uploads_[PathOf(theirs)] = PathOf(Field(response, "Location"));
      }
      if (name == "Docker-Upload-Uuid" && response.fields.Has(name)) ids_[theirs] = Field(response, name);
    }
  }

  void ExpectSame(const json& pair, const http::Response& response) {
    EXPECT_EQ(response.status, pair["status"].get<int>());
    for (const auto& header : pair["headers"]) {
      const std::string name = header[0];
      if (!kOwnFields.contains(name)) EXPECT_EQ(Field(response, name), header[1].get<std::string>()) << name;
      if (kOwnFields.contains(name) && name != "Date" && name != "Content-Length") {
        EXPECT_TRUE(response.fields.Has(name)) << name;
      }
    }
    if (!pair.contains("body") || pair["body"].is_null()) return;
    const std::string body = BodyOf(response);
    if (pair["body"].is_string()) {
      EXPECT_EQ(body, pair["body"].get<std::string>());
    } else {
      EXPECT_EQ(json::parse(body, nullptr, false), pair["body"]) << body;
      if (pair["body_raw_tail_newline"] == true) EXPECT_TRUE(body.ends_with('\n'));
    }
  }

  std::map<std::string, std::string> uploads_, ids_;
};

TEST_F(ReplayTest, AnswersAsDistributionDoesWhereItIsRight) {
  std::ifstream file(std::string(PORTCALL_TEST_DATA) + "/api_probe_2.8.2.json");
  const json pairs = json::parse(file);
  ASSERT_GT(pairs.size(), 90u);
  int same = 0;
  for (const json& pair : pairs) {
    const std::string name = pair["name"];
    SCOPED_TRACE(name + ": " + pair["request"].get<std::string>());
    const auto response = Replay(pair);
    const auto difference = kDifferences.find(name);
    if (difference != kDifferences.end()) {
      EXPECT_EQ(response.status, difference->second.status) << BodyOf(response);
      continue;
    }
    ExpectSame(pair, response);
    ++same;
  }
  EXPECT_GE(same, 45);
}

}  // namespace
}  // namespace portcall::registry
