#include <filesystem>

#include "tests/config/helpers.h"

namespace portcall::config {
namespace {

TEST(Examples, LoadWithoutAnErrorOrAnUnknownKey) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(CONFIG_EXAMPLES)) {
    if (entry.path().extension() != ".yml") continue;
    ++files;
    Loaded loaded = Load(entry.path(), {}, Strictness::kCheck);
    EXPECT_TRUE(loaded.config) << Texts(loaded);
  }
  EXPECT_GE(files, 2);
}

}  // namespace
}  // namespace portcall::config
