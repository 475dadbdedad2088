// Numbers with units, as documents write them: 64KiB, 10s.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mqttproxy::config {

struct Unit {
  std::string_view suffix;
  std::uint64_t factor;
};

/// Smallest first. A plain number counts in the unit with the empty suffix.
[[nodiscard]] std::span<const Unit> byte_units() noexcept;
/// In milliseconds; a plain number is seconds.
[[nodiscard]] std::span<const Unit> duration_units() noexcept;

/// Decimal digits followed by one of `units`; nullopt when it is anything else or does not fit 64 bits.
[[nodiscard]] std::optional<std::uint64_t> parse_quantity(std::string_view text, std::span<const Unit> units);
/// The shortest spelling: 65536 is 64KiB, 300000 ms are 5m.
[[nodiscard]] std::string format_quantity(std::uint64_t quantity, std::span<const Unit> units);

/// Decimal digits with an optional "-", no leading zeros (YAML 1.1 would read 010 as octal); nullopt for anything else.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);

}  // namespace mqttproxy::config
