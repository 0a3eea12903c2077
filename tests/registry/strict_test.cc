#include <gmock/gmock.h>

#include "tests/registry/service_fixture.h"

namespace portcall::registry {
namespace {

using config::PullEvents;
using Lines = std::vector<std::string>;

// A request that succeeds, and what the log holds by the time of its answer.
struct Row {
  const char* name;
  Ask ask;
  int status;
  Lines events;
};

class StrictTest : public ServiceTest {
 protected:
  StrictTest() {
    config_.http.secret = "one of several lives";
    Restart();
    image_ = PushImage("a", "v1");
    PutManifest("a", "v2", image_);
    PushBlob("a", "spare");
  }

  // Every kind of request that changes or reads content, in an order in which each succeeds.
  std::vector<Row> Rows() {
    const std::string layer = Sha256("layer"), manifest = Sha256(image_), more = Sha256("more");
    const std::string blobs = "/v2/a/blobs/", manifests = "/v2/a/manifests/";
    const Ask::Fields type{{"Content-Type", kOciManifest}};
    return {{"push a blob", {"POST", blobs + "uploads/?digest=" + more, "more"}, 201, {"push blob"}},
            {"finish an upload", {"PUT", StartUpload("a") + "&digest=" + more, "more"}, 201, {"push blob"}},
            {"mount a blob", {"POST", "/v2/b/blobs/uploads/?from=a&mount=" + layer}, 201, {"mount blob"}},
            {"pull a blob", {"GET", blobs + layer}, 200, {"pull blob"}},
            {"pull a part", {"GET", blobs + layer, "", {{"Range", "bytes=1-2"}}}, 206, {"pull blob"}},
            {"look at a blob", {"HEAD", blobs + layer}, 200, {"pull blob"}},
            {"push a tag", {"PUT", manifests + "v3", image_, type}, 201, {"push tag v3"}},
            {"push it again", {"PUT", manifests + "v3", image_, type}, 201, {"push tag v3"}},
            {"push a manifest", {"PUT", manifests + manifest, image_, type}, 201, {"push manifest"}},
            {"push two tags",
             {"PUT", manifests + manifest + "?tag=x&tag=y", image_, type},
             201,
             {"push tag x", "push tag y"}},
            {"pull by tag", {"GET", manifests + "v1"}, 200, {"pull tag v1"}},
            {"look at a tag", {"HEAD", manifests + "v1"}, 200, {"pull tag v1"}},
            {"pull by digest", {"GET", manifests + manifest}, 200, {"pull manifest"}},
            {"delete a tag", {"DELETE", manifests + "v2"}, 202, {"delete tag v2"}},
            {"delete GitLab's way", {"DELETE", "/v2/a/tags/reference/v3"}, 202, {"delete tag v3"}},
            {"delete a blob", {"DELETE", blobs + Sha256("spare")}, 202, {"delete blob"}},
            {"delete a manifest",
             {"DELETE", manifests + manifest},
             202,
             {"delete manifest", "delete tag v1", "delete tag x", "delete tag y"}}};
  }

  std::uint64_t Commits() const { return store_->stats().commits; }

  // How many commits each row's request cost; each is one fsync.
  std::vector<std::uint64_t> CostOf(const std::vector<Row>& rows) {
    std::vector<std::uint64_t> costs;
    for (const Row& row : rows) {
      SCOPED_TRACE(row.name);
      const store::Seq head = Head();
      const std::uint64_t before = Commits();
      const auto response = Send(row.ask);
      costs.push_back(Commits() - before);
      // A snapshot sees what is committed: the answer must not have been there earlier.
      EXPECT_EQ(SaidAfter(head), row.events);
      EXPECT_EQ(response.status, row.status) << BodyOf(response);
    }
    return costs;
  }

  std::string image_;
};

TEST_F(StrictTest, EveryAnswerWaitsForItsEvent) {
  config_.audit.strict = true;
  config_.events.pull = PullEvents::kRelaxed;
  Reconfigure();
  for (const std::uint64_t cost : CostOf(Rows())) EXPECT_EQ(cost, 1u) << "one commit for change and event";
}

TEST_F(StrictTest, CostsNoMoreThanDurablePulls) {
  config_.events.pull = PullEvents::kDurable;
  Reconfigure();
  for (const std::uint64_t cost : CostOf(Rows())) EXPECT_EQ(cost, 1u);
}

TEST_F(StrictTest, PullsAreRecordedWhateverElseIsSaid) {
  config_.audit.strict = true;
  config_.events.pull = PullEvents::kOff;
  Reconfigure();
  const store::Seq head = Head();
  EXPECT_EQ(Send("GET", "/v2/a/manifests/v1").status, 200);
  EXPECT_EQ(SaidAfter(head), Lines{"pull tag v1"});
}

TEST_F(StrictTest, WhatCannotBeRecordedDoesNotSucceed) {
  config_.events.pull = PullEvents::kRelaxed;
  for (const bool strict : {false, true}) {
    config_.audit.strict = strict;
    Reopen(0);
    const std::vector<Row> rows = Rows();
    Reopen(UINT64_MAX / 2);
    const store::Seq head = Head();
    for (const Row& row : rows) {
      SCOPED_TRACE(row.name);
      const bool pull = row.ask.method == "GET" || row.ask.method == "HEAD";
      const auto response = Send(row.ask);
      EXPECT_EQ(response.status, pull && !strict ? row.status : 503);
      if (pull && strict) EXPECT_FALSE(Field(response, "Retry-After").empty());
    }
    EXPECT_EQ(Head(), head);
  }
}

}  // namespace
}  // namespace portcall::registry
