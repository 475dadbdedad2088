#include "cluster/packed.hpp"

#include <cstdint>

#include <gtest/gtest.h>

namespace mqttproxy::cluster {
namespace {

TEST(PackedTest, filters_come_back) {
  const std::vector<Filter> filters = {
      {"#", mqtt::Qos::AtMostOnce}, {"a/+/\xC3\xBC", mqtt::Qos::AtLeastOnce}, {"$x", mqtt::Qos::AtLeastOnce}};
  EXPECT_EQ(unpack_filters(pack(filters)), filters);
  EXPECT_EQ(unpack_filters(pack(std::vector<Filter>())), std::vector<Filter>());
}

TEST(PackedTest, references_come_back) {
  const std::vector<Reference> references = {{0, 0, 0},   {0, 127, 65'535},           {99'999, INT64_MAX, 1},
                                             {3, 0, 128}, {INT32_MAX, INT64_MAX, 77}, {7, 12, 0}};
  EXPECT_EQ(unpack_references(pack(references)), references);
  EXPECT_EQ(unpack_references(pack(std::vector<Reference>())), std::vector<Reference>());
}

TEST(PackedTest, a_reference_of_many_takes_few_bytes) {
  std::vector<Reference> references;
  for (std::int64_t i = 0; i < 1'000; ++i) references.push_back({static_cast<std::int32_t>(i % 8), 1'000'000'000 + i});
  EXPECT_LE(pack(references).size(), 3'004U);
}

}  // namespace
}  // namespace mqttproxy::cluster
