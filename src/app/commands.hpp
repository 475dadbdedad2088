// The commands behind the command line. Each returns the exit code.
#pragma once

#include "options.hpp"

namespace mqttproxy::app {

/// Runs until SIGTERM or SIGINT.
[[nodiscard]] int run_daemon(const RunOptions& options);
/// Everything a start would refuse, without starting anything; with --connect also what is wrong with the downlink
/// topic. Errors and warnings to stderr.
[[nodiscard]] int check(const CheckOptions& options);
/// What a PUBLISH would become, through the same pipelines the daemon runs.
[[nodiscard]] int explain(const ExplainOptions& options);
/// Prints records as they arrive in Kafka, until it is stopped or has printed as many as were asked for. Why there are
/// none: to stderr.
[[nodiscard]] int tail(const TailOptions& options);
/// A line for a password file, of the password on standard input.
[[nodiscard]] int hash_password(const HashPasswordOptions& options);

}  // namespace mqttproxy::app
