// What the process tells its parent.
#pragma once

namespace mqttproxy::app {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;  // at run time: a busy port, messages left at the end of the drain
inline constexpr int kExitUsage = 2;    // command line or configuration

}  // namespace mqttproxy::app
