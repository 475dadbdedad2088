// What ends a run early: one exception type, turned into an exit code by main().
#pragma once

#include <stdexcept>
#include <string>

namespace mqttproxy::bench {

/// The run can't go on or its result must not be trusted: a refused connection, a wrong acknowledgement, no progress.
class LoadError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// errno as text behind what was tried.
[[nodiscard]] std::string system_error_text(const std::string& what, int error_number);

}  // namespace mqttproxy::bench
