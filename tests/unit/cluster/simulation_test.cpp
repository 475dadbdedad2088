// Many nodes, clients and faults in every order a random number generator comes to: what docs/CLUSTER.md promises holds
// after each. MQTTPROXY_SCHEDULES and MQTTPROXY_SEED run more, or others.
#include <array>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "sim_world.hpp"

namespace mqttproxy::cluster::sim {
namespace {

constexpr std::array<Size, 6> kSizes = {
    {{2, 1, 1, 1, 40}, {3, 1, 2, 1, 120}, {3, 2, 2, 1, 150}, {2, 1, 1, 1, 80}, {3, 1, 1, 1, 250}, {3, 2, 2, 2, 150}}};

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::stoull(text);
}

TEST(SimulationTest, no_schedule_breaks_a_promise) {
  const std::uint64_t first = number_from("MQTTPROXY_SEED", 0);
  const std::uint64_t count = number_from("MQTTPROXY_SCHEDULES", 3'000);
  std::uint64_t steps = 0;
  std::uint64_t deliveries = 0;
  std::uint64_t repeated = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    World world(kSizes[seed % kSizes.size()], seed);
    try {
      world.run();
    } catch (const Violation& violation) {
      FAIL() << violation.what << "\nMQTTPROXY_SCHEDULES=1 MQTTPROXY_SEED=" << seed << " after " << seed - first
             << " schedules\n"
             << world.trace();
    }
    steps += world.steps();
    deliveries += world.clients().deliveries();
    repeated += world.clients().repeated();
  }
  EXPECT_GT(repeated, 0U);
  EXPECT_GT(deliveries, repeated) << "most messages come once";
  std::cout << count << " schedules, " << steps << " steps, " << deliveries << " deliveries, " << repeated
            << " of them repeated\n";
}

}  // namespace
}  // namespace mqttproxy::cluster::sim
