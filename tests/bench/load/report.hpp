// Results as text for people, or as one JSON object for run.py.
#pragma once

#include <string>

#include "load/fanout.hpp"
#include "load/modes.hpp"
#include "load/options.hpp"
#include "load/uplink.hpp"

namespace mqttproxy::bench {

[[nodiscard]] std::string report(const Options& options, const UplinkResult& result);
[[nodiscard]] std::string report(const Options& options, const IdleResult& result);
[[nodiscard]] std::string report(const Options& options, const ConnectResult& result);
[[nodiscard]] std::string report(const Options& options, const FirstResult& result);
[[nodiscard]] std::string report(const Options& options, const FanoutResult& result);

}  // namespace mqttproxy::bench
