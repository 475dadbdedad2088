// The command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "mqttproxy/http/explanation.hpp"

namespace mqttproxy::app {

struct RunOptions {
  std::string config;
};

struct CheckOptions {
  std::string config;
  bool connect = false;  // also ask Kafka for the topics this process needs
};

struct ExplainOptions {
  std::string config;
  http::Question question;
};

struct HashPasswordOptions {
  std::string username;  // empty: the hash alone
};

struct TailOptions {
  std::string config;
  std::vector<std::string> topics;    // empty: those the configuration names
  std::vector<std::string> backends;  // empty: the configuration's
  bool from_beginning = false;
  std::uint64_t count = 0;  // 0: without end
};

/// What was asked for, or the exit code when the command line itself said everything (--help, --version, an error).
using Command = std::variant<int, RunOptions, CheckOptions, ExplainOptions, HashPasswordOptions, TailOptions>;

[[nodiscard]] Command parse_command_line(int argc, const char* const* argv);

}  // namespace mqttproxy::app
