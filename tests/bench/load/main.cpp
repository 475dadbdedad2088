#include <cstdio>
#include <exception>
#include <span>
#include <string>

#include <unistd.h>

#include "load/fanout.hpp"
#include "load/modes.hpp"
#include "load/options.hpp"
#include "load/report.hpp"
#include "load/uplink.hpp"

namespace {

using namespace mqttproxy::bench;

std::string run(const Options& options) {
  switch (options.mode) {
    case Mode::Uplink:
      return report(options, run_uplink(options));
    case Mode::Idle:
      return report(options, run_idle(options));
    case Mode::Connect:
      return report(options, run_connect(options));
    case Mode::First:
      return report(options, run_first(options));
    case Mode::Fanout:
      return report(options, run_fanout(options));
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto arguments = std::span<const char* const>(argv, static_cast<std::size_t>(argc)).subspan(1);
    std::fputs(run(parse_options(arguments)).c_str(), stdout);
    return 0;
  } catch (const UsageError& error) {
    std::fprintf(stderr, "mqttload: %s\n\n%s", error.what(), usage());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mqttload: %s\n", error.what());
    return 1;
  }
}
