#include "mqttproxy/util/index_table.hpp"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace mqttproxy::util {
namespace {

bool contains(const IndexTable& table, std::uint32_t hash, IndexTable::Index index) {
  return table.find(hash, [&](IndexTable::Index candidate) { return candidate == index; }) == index;
}

TEST(IndexTable, FindsNothingWhenEmpty) {
  const IndexTable table;
  EXPECT_EQ(table.find(7, [](IndexTable::Index) { return true; }), IndexTable::kNone);
  EXPECT_EQ(table.memory_bytes(), 0U);
}

TEST(IndexTable, AsksOnlyAboutEntriesWithTheSameHash) {
  IndexTable table;
  table.insert(0x10, 1);
  table.insert(0x11, 2);
  table.insert(0x11, 3);
  EXPECT_EQ(table.find(0x11, [](IndexTable::Index index) { return index != 2; }), 3U);
  EXPECT_EQ(table.find(0x12, [](IndexTable::Index) { return true; }), IndexTable::kNone);
}

TEST(IndexTable, AnEntryCanStandForAnotherIndex) {
  IndexTable table;
  table.insert(5, 1);
  table.replace(5, 1, 9);
  EXPECT_FALSE(contains(table, 5, 1));
  EXPECT_TRUE(contains(table, 5, 9));
  EXPECT_EQ(table.size(), 1U);
}

// Few different hashes, at both ends of the table: long runs that go round its end, and holes in the middle of them.
TEST(IndexTable, KeepsEveryEntryFindableWhateverLeaves) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  IndexTable table;
  std::map<IndexTable::Index, std::uint32_t> model;
  for (int step = 0; step < 20'000; ++step) {
    const auto index = static_cast<IndexTable::Index>(random() % 200);
    const auto known = model.find(index);
    if (known == model.end()) {
      const auto hash = static_cast<std::uint32_t>(random() % 5 * 0x08000000U - 0x10000000U);
      table.insert(hash, index);
      model.emplace(index, hash);
    } else {
      table.erase(known->second, index);
      model.erase(known);
    }
    ASSERT_EQ(table.size(), model.size());
    for (const auto& [present, hash] : model) ASSERT_TRUE(contains(table, hash, present)) << present << " at " << step;
  }
}

TEST(IndexTable, GivesMemoryBack) {
  IndexTable table;
  for (std::uint32_t i = 0; i < 10'000; ++i) table.insert(i * 0x9E3779B9U, i);
  const std::size_t most = table.memory_bytes();
  EXPECT_GE(most, 10'000 * 8U);
  for (std::uint32_t i = 10; i < 10'000; ++i) table.erase(i * 0x9E3779B9U, i);
  EXPECT_LT(table.memory_bytes(), most / 50);
  for (std::uint32_t i = 0; i < 10; ++i) EXPECT_TRUE(contains(table, i * 0x9E3779B9U, i));
  table.reset();
  EXPECT_EQ(table.memory_bytes(), 0U);
  EXPECT_FALSE(contains(table, 0, 0));
}

}  // namespace
}  // namespace mqttproxy::util
