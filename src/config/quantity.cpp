#include "quantity.hpp"

#include <array>
#include <charconv>
#include <limits>

namespace mqttproxy::config {

namespace {

constexpr std::array kByteUnits = {Unit{"", 1}, Unit{"KiB", 1ULL << 10U}, Unit{"MiB", 1ULL << 20U},
                                   Unit{"GiB", 1ULL << 30U}};
constexpr std::array kDurationUnits = {Unit{"ms", 1}, Unit{"", 1'000}, Unit{"s", 1'000}, Unit{"m", 60'000},
                                       Unit{"h", 3'600'000}};

/// The whole of `digits` as a number without leading zeros.
template <class Number>
std::optional<Number> parse_decimal(std::string_view digits) {
  const std::string_view magnitude = digits.starts_with('-') ? digits.substr(1) : digits;
  if (magnitude.empty() || (magnitude.size() > 1 && magnitude.front() == '0')) return std::nullopt;
  Number number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, problem] = std::from_chars(digits.data(), end, number);
  if (problem != std::errc() || stop != end) return std::nullopt;
  return number;
}

}  // namespace

std::span<const Unit> byte_units() noexcept {
  return kByteUnits;
}

std::span<const Unit> duration_units() noexcept {
  return kDurationUnits;
}

std::optional<std::uint64_t> parse_quantity(std::string_view text, std::span<const Unit> units) {
  const std::size_t end = text.find_first_not_of("0123456789");
  const std::string_view suffix = end == std::string_view::npos ? std::string_view() : text.substr(end);
  const auto number = parse_decimal<std::uint64_t>(text.substr(0, end));
  if (!number) return std::nullopt;
  for (const Unit& unit : units) {
    if (unit.suffix != suffix) continue;
    if (*number > std::numeric_limits<std::uint64_t>::max() / unit.factor) return std::nullopt;
    return *number * unit.factor;
  }
  return std::nullopt;
}

std::string format_quantity(std::uint64_t quantity, std::span<const Unit> units) {
  if (quantity == 0) return "0";
  const Unit* best = &units.front();
  for (const Unit& unit : units) {
    if (quantity % unit.factor == 0) best = &unit;
  }
  return std::to_string(quantity / best->factor).append(best->suffix);
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  return parse_decimal<std::int64_t>(text);
}

}  // namespace mqttproxy::config
