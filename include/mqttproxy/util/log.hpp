// Logging is spdlog's default logger, configured once at start. Text or JSON, to stderr, one line per event. Nothing
// is logged per message. Values that come from the network go through util::printable first. The latest warnings and
// errors are kept in memory as well (recent_log.hpp).
#pragma once

#include <string_view>

#include <spdlog/spdlog.h>

namespace mqttproxy::util {

enum class LogFormat { Text, Json };

/// Installs the default logger. Call before the first thread starts. Thread: main.
void init_logging(spdlog::level::level_enum level, LogFormat format);

}  // namespace mqttproxy::util
