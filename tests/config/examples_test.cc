#include <filesystem>
#include <set>

#include "tests/config/helpers.h"

namespace portcall::config {
namespace {

// Configurations stand beside each other, and as config.yml in a folder of their own.
bool IsConfiguration(const std::filesystem::directory_entry& entry, int depth) {
  return entry.path().extension() == ".yml" && (depth == 0 || entry.path().filename() == "config.yml");
}

TEST(Examples, LoadWithoutAnErrorOrAnUnknownKey) {
  int files = 0;
  for (auto at = std::filesystem::recursive_directory_iterator(CONFIG_EXAMPLES);
       at != std::filesystem::recursive_directory_iterator(); ++at) {
    if (!IsConfiguration(*at, at.depth())) continue;
    ++files;
    const Loaded loaded = Load(at->path(), {}, Strictness::kCheck, sinks::Kinds());
    EXPECT_TRUE(loaded.config) << at->path() << "\n" << Texts(loaded);
  }
  EXPECT_GE(files, 3);
}

TEST(Examples, TheFullOneHasAnEndpointOfEveryType) {
  const Loaded loaded =
      Load(std::filesystem::path(CONFIG_EXAMPLES) / "full.yml", {}, Strictness::kCheck, sinks::Kinds());
  std::set<std::string> types;
  for (const Endpoint& endpoint : Good(loaded).endpoints) types.emplace(endpoint.type());
  EXPECT_EQ(types, (std::set<std::string>{"audit", "ci", "kafka", "webhook"}));
  EXPECT_TRUE(Good(loaded).audits());
}

}  // namespace
}  // namespace portcall::config
