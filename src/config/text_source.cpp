#include "text_source.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>

namespace mqttproxy::config {

namespace {

bool is_variable_name(std::string_view name) noexcept {
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && !digit(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || digit(c); });
}

}  // namespace

SourcedText expand_environment(std::string_view raw) {
  SourcedText out;
  while (!raw.empty()) {
    if (raw.starts_with("$${")) {
      out.text += "${";
      raw.remove_prefix(3);
      continue;
    }
    if (!raw.starts_with("${")) {
      out.text += raw.front();
      raw.remove_prefix(1);
      continue;
    }
    const std::size_t end = raw.find('}');
    const std::string name(end == std::string_view::npos ? "" : raw.substr(2, end - 2));
    if (!is_variable_name(name)) {
      return {"", R"("${" must be followed by the name of an environment variable and "}"; a literal "${" is "$${")"};
    }
    const char* content = std::getenv(name.c_str());
    if (content == nullptr) return {"", "environment variable " + name + " is not set"};
    out.text += content;
    raw.remove_prefix(end + 1);
  }
  return out;
}

SourcedText read_file(const std::filesystem::path& file, std::size_t max_bytes) {
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) return {"", "it is a directory"};
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in) return {"", std::generic_category().message(errno)};
  SourcedText out;
  std::array<char, 4096> chunk;
  while (in.read(chunk.data(), chunk.size()) || in.gcount() > 0) {
    out.text.append(chunk.data(), static_cast<std::size_t>(in.gcount()));
    if (out.text.size() > max_bytes) return {"", "it is longer than " + std::to_string(max_bytes) + " bytes"};
  }
  if (in.bad()) return {"", std::generic_category().message(errno)};
  return out;
}

}  // namespace mqttproxy::config
