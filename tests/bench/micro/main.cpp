// micro              lists the scenarios
// micro --compiler   what it was built with
// micro SCENARIO     runs one; prints how many times its step was done
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string_view>
#include <vector>

#include "scenario.hpp"

namespace {

using namespace mqttproxy::bench::micro;

constexpr std::uint64_t kWarmup = 64;  // caches and vectors have grown by then

}  // namespace

/// Only what happens in here is counted: valgrind knows it by its name.
extern "C" [[gnu::noinline]] std::uint64_t micro_counted(const Step& step, std::uint64_t turns) {
  std::uint64_t sum = 0;
  for (std::uint64_t turn = 0; turn < turns; ++turn) sum += step(turn);
  return sum;
}

namespace {

std::vector<Scenario> all_scenarios() {
  std::vector<Scenario> all;
  for (auto some : {codec_scenarios(), tree_scenarios(), filter_scenarios(), kafka_scenarios()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

int run(const Scenario& scenario) {
  const Step step = scenario.prepare();
  std::uint64_t sum = 0;
  for (std::uint64_t turn = 0; turn < kWarmup; ++turn) sum += step(turn);
  sum += micro_counted(step, scenario.turns);
  std::printf("%llu\n", static_cast<unsigned long long>(scenario.turns));
  std::fprintf(stderr, "sum %llu\n", static_cast<unsigned long long>(sum));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<Scenario> scenarios = all_scenarios();
    if (argc == 1) {
      for (const Scenario& scenario : scenarios) std::printf("%s\n", scenario.name.data());
      return 0;
    }
    const std::string_view name = argv[1];
    if (name == "--compiler") {
#ifdef __clang__
      std::puts("clang " __clang_version__);
#else
      std::puts("gcc " __VERSION__);
#endif
      return 0;
    }
    const auto found = std::ranges::find(scenarios, name, &Scenario::name);
    if (argc == 2 && found != scenarios.end()) return run(*found);
    std::fputs("usage: micro [SCENARIO | --compiler]\n", stderr);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "micro: %s\n", error.what());
    return 1;
  }
}
