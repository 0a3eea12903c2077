// A kind of destination, whole: what it reads, how its sink is made, its line in a table, and that it serves. The way
// is told in docs/contributing.md.
#include <array>

#include "config/reader/scalars.h"
#include "config/sections/endpoint.h"
#include "runtime/http/resolver.h"
#include "sinks/kind.h"
#include "tests/config/helpers.h"
#include "tests/support/loop_runner.h"

namespace portcall::sinks {
namespace {

struct PigeonConfig : config::Settings {
  std::string loft;
  int pigeons = 1;
};

class Pigeon final : public Sink {
 public:
  Pigeon(PigeonConfig config, std::vector<std::string>& letters) : config_(std::move(config)), letters_(letters) {}
  Capacity capacity() const override { return {.window = static_cast<std::size_t>(config_.pigeons)}; }
  Task<Outcome> Deliver(Batch batch) override {
    letters_.push_back(config_.loft + ": " + batch.events.front()->repository);
    Outcome outcome;
    outcome.verdict = Verdict::kDelivered;
    co_return outcome;
  }
  void Interrupt() override {}
  void Abort() override {}

 private:
  const PigeonConfig config_;
  std::vector<std::string>& letters_;
};

constexpr std::array<config::Key, 2> kKeys{{{"loft", "only pigeons have one"}, {"pigeons"}}};

class Pigeons final : public Kind {
 public:
  Pigeons() : Kind({.name = "pigeon", .keys = {kKeys, config::kQueueKeys}, .event_kinds = {"tag"}}) {}

  void Read(config::MapReader& entry, config::Endpoint& endpoint) const override {
    auto pigeon = std::make_shared<PigeonConfig>();
    entry.Read("loft", pigeon->loft);
    if (pigeon->loft.empty()) entry.Error("loft", "is missing: write loft: tower");
    entry.Read("pigeons", 1, 100, pigeon->pigeons);
    endpoint.timeout = std::chrono::hours(8);
    endpoint.place = "pigeon:" + pigeon->loft;
    endpoint.settings = std::move(pigeon);
  }

  void Check(config::MapReader& entry, const config::Endpoint& endpoint) const override {
    if (endpoint.As<PigeonConfig>()->loft == "ruin") entry.Error("loft", "no pigeon lands there");
  }

  std::string WhyNot(const config::Endpoint&, std::string_view) const override { return "is no news for a pigeon"; }

  Result<std::unique_ptr<Sink>> Make(const config::Endpoint& endpoint, const Surroundings&) const override {
    return std::unique_ptr<Sink>(std::make_unique<Pigeon>(*endpoint.As<PigeonConfig>(), letters));
  }

  mutable std::vector<std::string> letters;
};

const Pigeons kPigeons;

config::Loaded Load(const std::string& lines) {
  std::vector<const config::Kind*> kinds(Kinds().begin(), Kinds().end());
  kinds.push_back(&kPigeons);  // the line in the table
  return config::Parse(config::WithEntry(lines), "f.yml", {}, config::Strictness::kServe, kinds);
}

const std::string kEntry = "type: pigeon\nloft: tower\n";

TEST(MadeUpKind, ItsKeysAreReadWithTheSharedOnes) {
  const auto endpoint = config::Good(Load(kEntry + "pigeons: 3\nmaxage: 2h\nthreshold: 4")).endpoints.at(0);
  EXPECT_EQ(endpoint.type(), "pigeon");
  EXPECT_EQ(endpoint.As<PigeonConfig>()->pigeons, 3);
  EXPECT_EQ(endpoint.timeout, std::chrono::hours(8));
  EXPECT_EQ(endpoint.max_age, std::chrono::hours(2));
  EXPECT_EQ(endpoint.threshold, 4);
  EXPECT_EQ(endpoint.only.kinds, std::vector<std::string>{"tag"});
}

TEST(MadeUpKind, WhatIsWrongIsToldWithItsLineAndKey) {
  const std::pair<std::string, const char*> kCases[] = {
      {"type: pigeon", "f.yml:6:7: error: notifications.endpoints[0].loft: is missing: write loft: tower\n"},
      {"type: pigeon\nloft: ruin", "f.yml:8:13: error: notifications.endpoints[0].loft: no pigeon lands there\n"},
      {kEntry + "pigoens: 2",
       "f.yml:9:7: error: notifications.endpoints[0].pigoens: unknown key; did you mean pigeons?\n"},
      {kEntry + "brokers: h:1",
       "f.yml:9:16: error: notifications.endpoints[0].brokers: means nothing for type: pigeon; it belongs to kafka\n"},
      {"url: http://h/\nloft: tower",
       "f.yml:8:13: error: notifications.endpoints[0].loft: means nothing for type: webhook: only pigeons have one\n"},
      {"url: http://h/\npigeons: 2",
       "f.yml:8:16: error: notifications.endpoints[0].pigeons: means nothing for type: webhook; it belongs to "
       "pigeon\n"},
      {kEntry + "only: {actions: [reload]}",
       "f.yml:9:23: error: notifications.endpoints[0].only.actions: reload: is no news for a pigeon\n"},
      {"type: pidgeon",
       "f.yml:7:13: error: notifications.endpoints[0].type: is \"pidgeon\"; it may be webhook, kafka, ci, audit, "
       "pigeon; did you mean pigeon?\n"},
  };
  for (const auto& [lines, text] : kCases) EXPECT_EQ(config::Texts(Load(lines)), text) << lines;
  EXPECT_TRUE(Load("type: pigeon\nloft: ruin\ndisabled: true").config) << "what is not used is not checked";
}

TEST(MadeUpKind, ItsKeysAreInTheFingerprint) {
  const auto fingerprint = [](const std::string& lines) {
    return config::Good(Load(kEntry + lines)).endpoints.at(0).fingerprint;
  };
  EXPECT_EQ(fingerprint(""), fingerprint("pigeons: 1"));
  EXPECT_NE(fingerprint(""), fingerprint("pigeons: 2"));
}

TEST(MadeUpKind, ItsSinkIsMadeAndDelivers) {
  const auto endpoint = config::Good(Load(kEntry)).endpoints.at(0);
  runtime::Lanes lanes;
  runtime::Log log({runtime::Level::kFatal, "text", {}});
  portcall::testing::LoopRunner runner;
  http::Resolver resolver;
  auto made = MakeSink(endpoint, {runner.executor(), resolver, log, lanes});
  ASSERT_TRUE(made) << made.error().detail;
  auto event = std::make_shared<store::Event>();
  event->repository = "team/app";
  Batch batch;
  batch.events.push_back(event);
  EXPECT_EQ(runner.Run((*made)->Deliver(batch)).verdict, Verdict::kDelivered);
  EXPECT_EQ(kPigeons.letters, std::vector<std::string>{"tower: team/app"});
}

}  // namespace
}  // namespace portcall::sinks
