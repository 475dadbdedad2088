#include <algorithm>

#include "mqttproxy/util/text.hpp"

#include "documents.hpp"

namespace mqttproxy::config {

namespace {

constexpr std::size_t kMaxNameCharacters = 253;

bool is_plain(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~';
}

bool is_beyond_ascii(char c) {
  return static_cast<unsigned char>(c) >= 0x80U;
}

bool starts_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
}

}  // namespace

bool is_legal_name(std::string_view name) {
  const auto characters = static_cast<std::size_t>(std::ranges::count_if(name, starts_character));
  if (name.empty() || characters > kMaxNameCharacters) return false;
  if (!std::ranges::all_of(name, [](char c) { return is_plain(c) || is_beyond_ascii(c); })) return false;
  // printable() leaves exactly well-formed UTF-8 without control characters as it is.
  return util::printable(name, name.size()) == name;
}

std::optional<std::string> read_name(const Value& value) {
  auto name = value.as_string();
  if (!name) return std::nullopt;
  if (!is_legal_name(*name)) {
    value.error("a name has 1 to 253 letters, digits, \"-\", \"_\", \".\" or \"~\", found \"" +
                util::printable(*name, 64) + '"');
    return std::nullopt;
  }
  return name;
}

void ignore_metadata(Object& object) {
  for (const std::string_view key : {"kind", "version", "labels", "createdAt"}) object.ignore(key);
}

}  // namespace mqttproxy::config
