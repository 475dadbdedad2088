// Small text helpers that every room may use.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace mqttproxy::util {

/// `bytes` made safe for one log line: control characters, quotes, backslashes and bytes that are not valid UTF-8
/// become \xNN; longer than `max_bytes` (of input) is cut between two characters and ends in "…". What devices send
/// must never forge a log line.
[[nodiscard]] std::string printable(std::string_view bytes, std::size_t max_bytes = 256);

/// The candidate nearest to `word` by edit distance, letter case ignored: at most a third of its length, or one edit in
/// words of two letters and more. The first of equals; "" when none is near.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

/// "a, b, c".
[[nodiscard]] std::string join(std::span<const std::string_view> words, std::string_view separator = ", ");

}  // namespace mqttproxy::util
