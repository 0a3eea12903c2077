#include "broker/core/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "config/load.h"
#include "sinks/kinds.h"

namespace portcall::broker {
namespace {

// As the file's reader fills it in.
config::Endpoint ReadEntry(const std::string& keys) {
  const std::string text = "version: 0.1\nstorage: {filesystem: {rootdirectory: /tmp}}\nhttp: {addr: ':5000'}\n" +
                           ("notifications: {endpoints: [{name: a, " + keys + "}]}\n");
  const auto loaded = config::Parse(text, "f.yml", {}, config::Strictness::kServe, sinks::Kinds());
  return loaded.config->endpoints.at(0);
}

store::Event Make(store::Action action, const std::string& media_type) {
  store::Event event;
  event.action = action;
  event.media_type = media_type;
  return event;
}

TEST(Filter, WantsEverythingByDefault) { EXPECT_TRUE(Filter().Wants(Make(store::Action::kPull, "x"))); }

TEST(Filter, EitherRuleKeepsAnEventOut) {
  config::Endpoint endpoint;
  endpoint.ignore.actions = {"pull"};
  endpoint.ignore.media_types = {"application/octet-stream"};
  const Filter filter(endpoint);
  EXPECT_FALSE(filter.Wants(Make(store::Action::kPull, "application/json")));
  EXPECT_FALSE(filter.Wants(Make(store::Action::kPush, "application/octet-stream")));
  EXPECT_TRUE(filter.Wants(Make(store::Action::kPush, "application/json")));
}

TEST(Filter, ADeleteHasNoMediaType) {
  config::Endpoint endpoint;
  endpoint.ignore.media_types = {"", "application/octet-stream"};
  EXPECT_TRUE(Filter(endpoint).Wants(Make(store::Action::kDelete, "")));
}

TEST(Filter, TheFingerprintDoesNotDependOnTheOrderOfTheLists) {
  config::Endpoint a, b, c;
  a.ignore.media_types = {"x", "y"};
  b.ignore.media_types = {"y", "x"};
  c.ignore.media_types = {"x"};
  EXPECT_EQ(Filter(a).fingerprint(), Filter(b).fingerprint());
  EXPECT_NE(Filter(a).fingerprint(), Filter(c).fingerprint());
}

TEST(Filter, WhatIsForTheAuditLogGoesToThoseThatAskForIt) {
  using store::Action;
  config::Endpoint webhook, asking;
  const config::Endpoint audit = ReadEntry("type: audit, directory: /x");
  asking.only.actions = {"checkpoint"};
  for (std::size_t i = 0; i < store::kActions; ++i) {
    const Action action = static_cast<Action>(i);
    store::Event event = Make(action, "");
    event.kind = i < 4 ? store::Kind::kTag : store::Kind::kSystem;
    EXPECT_EQ(Filter(webhook).Wants(event), i < 4) << i;
    EXPECT_EQ(Filter(audit).Wants(event), action != Action::kCheckpoint) << i;
    EXPECT_EQ(Filter(asking).Wants(event), action == Action::kCheckpoint) << i;
    EXPECT_EQ(Filter("00000001\na/b").Wants(event), i > 0 && i < 4) << i;  // as an earlier version wrote it
  }
}

// An event, and the change that a rule makes to an entry: does it pass?
struct Rule {
  const char* about;
  void (*set)(config::Endpoint&);
  void (*change)(store::Event&);
  bool wanted;
};

void Detail(store::Event& event, std::string store::Details::* member, const char* value) {
  store::Details details;
  details.*member = value;
  event.details = store::EncodeDetails(details);
}

store::Event TagPush() {
  store::Event event = Make(store::Action::kPush, "application/vnd.oci.image.manifest.v1+json");
  event.kind = store::Kind::kTag;
  event.repository = "team/app";
  event.tag = "v1.2";
  event.digest = "sha256:aa";
  event.actor = "alice";
  Detail(event, &store::Details::artifact_type, "application/vnd.oci.image.config.v1+json");
  return event;
}

void Same(store::Event&) {}
void Blob(store::Event& e) {
  e.kind = store::Kind::kBlob;
  e.tag.clear();
  e.media_type = "application/octet-stream";
}
void Delete(store::Event& e) {
  e.action = store::Action::kDelete;
  e.media_type.clear();
}
void System(store::Event& e) {
  e = Make(store::Action::kReload, "");
  e.kind = store::Kind::kSystem;
}

using E = config::Endpoint;
const Rule kRules[] = {
    {"only.kinds", [](E& e) { e.only.kinds = {"tag", "manifest"}; }, Same, true},
    {"only.kinds", [](E& e) { e.only.kinds = {"tag", "manifest"}; }, Blob, false},
    {"ignore.kinds", [](E& e) { e.ignore.kinds = {"blob"}; }, Blob, false},
    {"ignore.kinds", [](E& e) { e.ignore.kinds = {"blob"}; }, Same, true},
    {"only.actions", [](E& e) { e.only.actions = {"delete"}; }, Same, false},
    {"only.actions", [](E& e) { e.only.actions = {"delete"}; }, Delete, true},
    {"only.repositories", [](E& e) { e.only.repositories = {"x", "team/*"}; }, Same, true},
    {"only.repositories", [](E& e) { e.only.repositories = {"team"}; }, Same, false},
    {"ignore.repositories", [](E& e) { e.ignore.repositories = {"**/app"}; }, Same, false},
    {"both", [](E& e) { e.only.repositories = {"team/**"}, e.ignore.repositories = {"team/app"}; }, Same, false},
    {"only.tags", [](E& e) { e.only.tags = {"v*"}; }, Same, true},
    {"only.tags", [](E& e) { e.only.tags = {"latest"}; }, Same, false},
    {"only.tags", [](E& e) { e.only.tags = {"v*"}; }, Blob, false},
    {"ignore.tags", [](E& e) { e.ignore.tags = {"v?.?"}; }, Same, false},
    {"only.actors", [](E& e) { e.only.actors = {"al*"}; }, Same, true},
    {"only.actors", [](E& e) { e.only.actors = {"bob"}; }, Same, false},
    {"ignore.actors", [](E& e) { e.ignore.actors = {"alice"}; }, Same, false},
    {"only.mediatypes", [](E& e) { e.only.media_types = {"a/b"}; }, Same, false},
    {"only.mediatypes", [](E& e) { e.only.media_types = {"application/octet-stream"}; }, Blob, true},
    {"only.mediatypes", [](E& e) { e.only.media_types = {"a/b"}; }, Delete, true},
    {"ignore.mediatypes", [](E& e) { e.ignore.media_types = {"+odd"}; }, [](auto& e) { e.media_type = "+odd"; }, false},
    {"system", [](E& e) { e.only.actions = {"reload"}, e.only.repositories = {"x"}, e.only.tags = {"x"}; }, System,
     true},
    {"system", [](E& e) { e.only.actions = {"reload"}, e.only.kinds = {"tag"}; }, System, false},
    {"system", [](E& e) { e.only.actions = {"reload"}, e.only.actors = {"alice"}; }, System, false},
};

config::Endpoint EntryOf(const Rule& rule) {
  config::Endpoint entry;
  rule.set(entry);
  return entry;
}

TEST(Filter, RulesLetInAndKeepOut) {
  for (const Rule& rule : kRules) {
    store::Event event = TagPush();
    rule.change(event);
    const Filter filter(EntryOf(rule));
    EXPECT_EQ(filter.Wants(event), rule.wanted) << rule.about;
    EXPECT_EQ(filter.WhyNot(event).empty(), rule.wanted) << rule.about;
    EXPECT_EQ(Filter(filter.fingerprint()).WhyNot(event), filter.WhyNot(event)) << rule.about;
    const std::string about = rule.about;
    if (!rule.wanted && about.find('.') != about.npos) {
      EXPECT_THAT(about, ::testing::EndsWith(std::string(filter.WhyNot(event)))) << "it is the rule that keeps it out";
    }
  }
}

TEST(Filter, RoutesLimitWhatACiSystemTakes) {
  config::Endpoint entry;
  EXPECT_TRUE(Filter(entry).Wants(TagPush()));
  entry.routes = {"other/*"};
  EXPECT_EQ(Filter(entry).WhyNot(TagPush()), "routes");
  entry.routes = {"other/*", "team/a*"};
  EXPECT_TRUE(Filter(entry).Wants(TagPush()));
  entry.routes = {"other/*"};
  EXPECT_FALSE(Filter(entry).Wants(TagPush()));
}

const std::string kHex(64, 'a');

struct Image {
  const char* about;
  void (*change)(store::Event&);
  bool wanted;
};
const Image kImages[] = {
    {"an image", Same, true},
    {"without details", [](auto& e) { e.details.clear(); }, true},
    {"an index", [](auto& e) { e.media_type = "application/vnd.oci.image.index.v1+json", e.details.clear(); }, true},
    {"Docker's list",
     [](auto& e) { e.media_type = "application/vnd.docker.distribution.manifest.list.v2+json", e.details.clear(); },
     true},
    {"Docker's image",
     [](auto& e) {
       e.media_type = "application/vnd.docker.distribution.manifest.v2+json";
       Detail(e, &store::Details::artifact_type, "application/vnd.docker.container.image.v1+json");
     },
     true},
    {"a moved tag", [](auto& e) { Detail(e, &store::Details::previous_digest, "sha256:bb"); }, true},
    {"the same again", [](auto& e) { Detail(e, &store::Details::previous_digest, "sha256:aa"); }, false},
    {"an attachment", [](auto& e) { Detail(e, &store::Details::subject, "sha256:bb"); }, false},
    {"a build cache",
     [](auto& e) { Detail(e, &store::Details::artifact_type, "application/vnd.buildkit.cacheconfig.v0"); }, false},
    {"a chart", [](auto& e) { Detail(e, &store::Details::artifact_type, "application/vnd.cncf.helm.config.v1+json"); },
     false},
    {"a signature", [](auto& e) { e.tag = "sha256-" + kHex + ".sig"; }, false},
    {"an attestation", [](auto& e) { e.tag = "sha256-" + kHex + ".att"; }, false},
    {"an SBOM", [](auto& e) { e.tag = "sha256-" + kHex + ".sbom"; }, false},
    {"a fallback index", [](auto& e) { e.tag = "sha256-" + kHex; }, false},
    {"a tag of its own", [](auto& e) { e.tag = "sha256-" + kHex + ".image"; }, true},
    {"a short one", [](auto& e) { e.tag = "sha256-abc.sig"; }, true},
    {"schema 1", [](auto& e) { e.media_type = "application/vnd.docker.distribution.manifest.v1+json"; }, false},
    {"a child", [](auto& e) { e.kind = store::Kind::kManifest, e.tag.clear(); }, false},
    {"a blob", Blob, false},
    {"a delete", Delete, false},
    {"a pull", [](auto& e) { e.action = store::Action::kPull; }, false},
    {"a reload", System, false},
    {"broken details", [](auto& e) { e.details = "{"; }, true},
};

TEST(Filter, ImagesOnly) {
  config::Endpoint entry;
  entry.images_only = true;
  for (const Image& image : kImages) {
    store::Event event = TagPush();
    image.change(event);
    EXPECT_EQ(Filter(entry).Wants(event), image.wanted) << image.about;
    EXPECT_EQ(Filter(Filter(entry).fingerprint()).Wants(event), image.wanted) << image.about;
  }
}

TEST(Filter, ImageUpdatersDeployChartsAndFluxsArtifactsToo) {
  for (const char* type : {"application/vnd.cncf.helm.config.v1+json", "application/vnd.cncf.flux.config.v1+json",
                           "application/vnd.oci.image.config.v1+json", "application/vnd.example.cache"}) {
    store::Event event = TagPush();
    store::Details details;
    details.artifact_type = type;
    event.details = store::EncodeDetails(details);
    config::Endpoint entry;
    entry.images_only = true;
    const bool image = std::string_view(type).find("image") != std::string_view::npos;
    EXPECT_EQ(Filter(entry).Wants(event), image) << type;
    entry.format = "harbor";
    const bool wanted = image || std::string_view(type).find("cncf") != std::string_view::npos;
    EXPECT_EQ(Filter(entry).Wants(event), wanted) << type;
    EXPECT_EQ(Filter(Filter(entry).fingerprint()).Wants(event), wanted) << type;
  }
}

TEST(Filter, ItsFingerprintMakesItAgain) {
  config::Endpoint entry;
  entry.ignore.actions = {"pull", "mount"};
  entry.ignore.media_types = {"a/b", "c/d"};
  const Filter filter(entry), again(filter.fingerprint());
  EXPECT_EQ(again.fingerprint(), filter.fingerprint());
  for (const store::Action action : {store::Action::kPush, store::Action::kPull, store::Action::kMount}) {
    for (const char* type : {"a/b", "c/d", "e/f"}) {
      store::Event event;
      event.action = action;
      event.media_type = type;
      EXPECT_EQ(again.Wants(event), filter.Wants(event));
    }
  }
}

TEST(Filter, EveryRuleIsInTheFingerprintAndComesBack) {
  std::vector<config::Endpoint> entries(1);
  for (const Rule& rule : kRules) entries.push_back(EntryOf(rule));
  entries.emplace_back().routes = {"other/*", "other"};
  std::vector<store::Event> events(1, TagPush());
  for (const Rule& rule : kRules) rule.change(events.emplace_back(TagPush()));
  for (const config::Endpoint& entry : entries) {
    const Filter filter(entry), again(filter.fingerprint());
    EXPECT_EQ(again.fingerprint(), filter.fingerprint());
    for (const store::Event& event : events) {
      EXPECT_EQ(again.Wants(event), filter.Wants(event)) << filter.fingerprint();
    }
  }
}

TEST(Filter, AnyTextMakesSomeFilter) {
  const store::Event event = TagPush();
  for (const char* text : {"", "\n", "1", "abc", "0000000000\n+", "0000000000\n+newer rule\n\n", "0\n+kinds",
                           "0000000000\n+kinds 111111111", "+images"}) {
    const Filter filter{std::string(text)};
    filter.Wants(event);
    EXPECT_EQ(filter.fingerprint(), text);
  }
  EXPECT_TRUE(Filter("0000000000\n+a rule of a later version").Wants(event));
}

// Whatever its filters are by now: an operator has said that it is to go there, and nowhere else.
TEST(Filter, WhatIsTriedAnewGoesToOneCursorAlone) {
  config::Endpoint endpoint;
  endpoint.only.actions = {"delete"};
  store::Event event;
  event.retrial = std::make_shared<const store::Retrial>(store::Retrial{7, 1, {1}});
  EXPECT_TRUE(Filter(endpoint, 7).Wants(event));
  EXPECT_TRUE(Filter(Filter(endpoint).fingerprint(), 7).Wants(event));
  EXPECT_EQ(Filter(endpoint, 7).WhyNot(event), "");
  for (const std::int64_t other : {0, 8}) {
    EXPECT_FALSE(Filter(config::Endpoint(), other).Wants(event));
    EXPECT_NE(Filter(config::Endpoint(), other).WhyNot(event), "");
  }
  event.retrial = store::DecodeRetrial("damaged");
  EXPECT_FALSE(Filter(config::Endpoint(), 7).Wants(event)) << "whose it is cannot be known";
}

}  // namespace
}  // namespace portcall::broker
