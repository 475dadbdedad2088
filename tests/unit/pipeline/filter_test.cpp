#include "mqttproxy/pipeline/filter.hpp"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mqttproxy::pipeline {
namespace {

FilterKind kind(std::string_view name) {
  return {name, {"", "Failed"}, [](const FilterBuild&) { return nullptr; }};
}

TEST(SlotTable, OneSlotPerName) {
  SlotTable slots;
  const Slot first = slots.slot("first");
  const Slot second = slots.slot("second");
  EXPECT_NE(first, second);
  EXPECT_EQ(slots.slot("first"), first);
  EXPECT_EQ(slots.slot("second"), second);
}

TEST(FilterRegistry, FindsKindsAndAliases) {
  FilterRegistry registry;
  registry.add(kind("Kafka"));
  registry.alias("KafkaMQTT", "Kafka");
  ASSERT_NE(registry.find("Kafka"), nullptr);
  ASSERT_NE(registry.find("KafkaMQTT"), nullptr);
  EXPECT_EQ(registry.find("KafkaMQTT")->results, registry.find("Kafka")->results);
  EXPECT_EQ(registry.find("kafka"), nullptr);
  EXPECT_THAT(registry.names(), testing::ElementsAre("Kafka", "KafkaMQTT"));
}

TEST(FilterRegistry, NamesAreUnique) {
  FilterRegistry registry;
  registry.add(kind("A"));
  EXPECT_THROW(registry.add(kind("A")), std::logic_error);
  EXPECT_THROW(registry.alias("A", "A"), std::logic_error);
  EXPECT_THROW(registry.alias("B", "C"), std::logic_error);
}

}  // namespace
}  // namespace mqttproxy::pipeline
