// What the codec's tests share: the outcome of a decoder as one Errc, and readable failures.
#pragma once

#include <ostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mqttproxy/mqtt/codec.hpp"

#include "hex.hpp"

namespace mqttproxy::mqtt {

inline std::ostream& operator<<(std::ostream& out, Errc e) {
  return out << kind(e);
}

namespace test {

template <class T>
Errc outcome(const Result<T>& result) {
  return result.has_value() ? Errc::Ok : static_cast<Errc>(result.error().value());
}

/// One line of a table: what arrives and what the decoder says. The name carries the specification's ID.
struct ErrorCase {
  const char* name;
  std::string input;
  Errc expected;
};

inline std::ostream& operator<<(std::ostream& out, const ErrorCase& error_case) {
  return out << error_case.name;
}

/// The name of a table's line, for INSTANTIATE_TEST_SUITE_P.
template <class Case>
std::string case_name(const ::testing::TestParamInfo<Case>& line) {
  return line.param.name;
}

}  // namespace test
}  // namespace mqttproxy::mqtt
