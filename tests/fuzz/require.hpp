// assert that stays in every build type, and that libFuzzer reports as a crash.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace mqttproxy::fuzz {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

}  // namespace mqttproxy::fuzz
