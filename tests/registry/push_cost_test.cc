#include <gtest/gtest.h>

#include "tests/registry/service_fixture.h"

namespace portcall::registry {
namespace {

class PushCostTest : public ServiceTest {
 protected:
  // Pushes an image of ten layers as clients do: one upload after another, then the manifest.
  void PushTenLayers(const std::string& name) {
    std::vector<std::string> layers;
    for (int i = 0; i < 10; ++i) layers.push_back("layer " + std::to_string(i));
    PushBlob(name, "{}");
    for (const std::string& layer : layers) PushBlob(name, layer);
    EXPECT_EQ(PutManifest(name, "v1", ImageOf("{}", layers)).status, 201);
  }
};

TEST_F(PushCostTest, EachRequestOfAPushCostsOneTransaction) {
  PushTenLayers("acme/warm");
  const store::StoreStats before = store_->stats();
  PushTenLayers("acme/app");
  const store::StoreStats after = store_->stats();
  EXPECT_EQ(after.jobs - before.jobs, 12u);
  EXPECT_EQ(after.commits - before.commits, 12u);
}

}  // namespace
}  // namespace portcall::registry
