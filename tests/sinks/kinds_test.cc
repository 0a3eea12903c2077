#include "sinks/kinds.h"

#include <set>

#include "tests/config/helpers.h"

namespace portcall::sinks {
namespace {

// What is said of a key at an entry of that type.
std::string SaidOf(std::string_view type, std::string_view key) {
  const config::Loaded loaded =
      config::Serve(config::WithEntry("type: " + std::string(type) + "\n" + std::string(key) + ": x"));
  std::string said;
  for (const config::Problem& problem : loaded.problems) {
    if (problem.key == "notifications.endpoints[0]." + std::string(key)) said += problem.message + "\n";
  }
  return said;
}

TEST(KindsTest, EachTakesTheKeysItNamesAndRefusesThoseOfTheOthers) {
  std::set<std::string_view> all;
  for (const config::Kind* kind : Kinds()) {
    for (const config::Keys& keys : kind->traits().keys) {
      for (const config::Key& key : keys) all.insert(key.name);
    }
  }
  EXPECT_TRUE(all.contains("url") && all.contains("sasl"));
  for (const config::Kind* kind : Kinds()) {
    for (const std::string_view key : all) {
      const std::string said = SaidOf(kind->name(), key);
      EXPECT_EQ(said.find("unknown key"), std::string::npos) << kind->name() << ": " << key;
      if (key == "preset" || kind->FindKey("preset") != nullptr) continue;  // a preset has keys of its own
      EXPECT_EQ(said.find("means nothing for type") != std::string::npos, kind->FindKey(key) == nullptr)
          << kind->name() << ": " << key << ": " << said;
    }
  }
}

TEST(KindsTest, AnEntryWithoutATypeIsTheFirst) {
  const auto endpoint = config::Good(config::Serve(config::WithEntry("url: http://h/"))).endpoints.at(0);
  EXPECT_EQ(endpoint.kind, Kinds().front());
  EXPECT_EQ(endpoint.type(), "webhook");
  const auto named = config::Good(config::Serve(config::WithEntry("type: webhook\nurl: http://h/"))).endpoints.at(0);
  EXPECT_EQ(named.fingerprint, endpoint.fingerprint);
}

}  // namespace
}  // namespace portcall::sinks
