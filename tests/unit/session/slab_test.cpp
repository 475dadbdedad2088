#include "mqttproxy/session/slab.hpp"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace mqttproxy::session {
namespace {

TEST(Slab, AHandleOutlivesItsObjectWithoutFindingTheNextOne) {
  Slab<std::string> slab;
  const Handle first = slab.emplace("first");
  slab.erase(first);
  const Handle second = slab.emplace("second");
  EXPECT_EQ(first.slot, second.slot);
  EXPECT_EQ(slab.find(first), nullptr);
  ASSERT_NE(slab.find(second), nullptr);
  EXPECT_EQ(*slab.find(second), "second");
  EXPECT_EQ(slab.size(), 1U);
}

TEST(Slab, ADefaultHandleFindsNothing) {
  Slab<int> slab;
  EXPECT_EQ(slab.find(Handle{}), nullptr);
  slab.erase(Handle{});
  (void)slab.emplace(1);
  EXPECT_EQ(slab.find(Handle{}), nullptr);
}

TEST(Slab, EraseFreesTheObjectAndReferencesStayPut) {
  Slab<std::shared_ptr<int>> slab;
  const auto watched = std::make_shared<int>(1);
  const Handle kept = slab.emplace(std::make_shared<int>(2));
  const auto* address = slab.find(kept);
  const Handle gone = slab.emplace(watched);
  for (int i = 0; i < 1'000; ++i) (void)slab.emplace(std::make_shared<int>(i));
  slab.erase(gone);
  EXPECT_EQ(watched.use_count(), 1);
  EXPECT_EQ(slab.find(kept), address);
}

TEST(Slab, ForEachVisitsEveryObjectAndAllowsErasing) {
  Slab<int> slab;
  for (int i = 0; i < 10; ++i) (void)slab.emplace(i);
  int sum = 0;
  slab.for_each([&](Handle handle, int value) {
    sum += value;
    if (value % 2 == 0) slab.erase(handle);
  });
  EXPECT_EQ(sum, 45);
  EXPECT_EQ(slab.size(), 5U);
}

}  // namespace
}  // namespace mqttproxy::session
