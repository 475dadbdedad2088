#include "mqttproxy/util/index_pool.hpp"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace mqttproxy::util {
namespace {

TEST(IndexPool, UsesPlacesAgain) {
  IndexPool<std::string> pool;
  const auto first = pool.take();
  const auto second = pool.take();
  EXPECT_NE(first, second);
  pool[first] = "first";
  pool[second] = "second";
  pool.give_back(first);
  EXPECT_EQ(pool[second], "second");
  EXPECT_EQ(pool.take(), first);
  EXPECT_EQ(pool[first], "");
}

TEST(IndexPool, EndsWhatIsGivenBack) {
  IndexPool<std::shared_ptr<int>> pool;
  const auto watched = std::make_shared<int>(1);
  const auto index = pool.take();
  pool[index] = watched;
  pool.give_back(index);
  EXPECT_EQ(watched.use_count(), 1);

  IndexPool<std::string> texts;
  const auto text = texts.take();
  texts[text].assign(1'000, 'x');
  texts.give_back(text);
  EXPECT_EQ(texts[text].capacity(), std::string().capacity());
}

TEST(IndexPool, MemoryFollowsTheMostThereWas) {
  IndexPool<int> pool;
  for (IndexPool<int>::Index i = 0; i < 100; ++i) EXPECT_EQ(pool.take(), i);
  for (IndexPool<int>::Index i = 0; i < 100; ++i) pool.give_back(i);
  const std::size_t most = pool.memory_bytes();
  for (int i = 0; i < 1'000; ++i) pool.give_back(pool.take());
  EXPECT_EQ(pool.memory_bytes(), most);
}

}  // namespace
}  // namespace mqttproxy::util
