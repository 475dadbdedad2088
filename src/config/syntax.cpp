#include "syntax.hpp"

#include <algorithm>
#include <exception>
#include <string_view>

#include "mqttproxy/util/text.hpp"

namespace mqttproxy::config {

namespace {

constexpr std::size_t kNone = std::string_view::npos;

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == kNone ? text.size() : end + 1);
  }
  return lines;
}

/// Whether `line` is UTF-8 without control characters (yaml-cpp takes a byte 4 for the end of the file).
bool is_text(std::string_view line) {
  const auto unsuspicious = [](char c) { return c >= ' ' && c <= '~'; };
  if (std::ranges::all_of(line, unsuspicious)) return true;
  std::string probe(line);
  // What printable() escapes for reasons of logging only.
  std::ranges::replace_if(
      probe, [](char c) { return c == '\t' || c == '\r' || c == '"' || c == '\\'; }, ' ');
  return util::printable(probe, probe.size()) == probe;
}

struct KeyLine {
  std::size_t column = kNone;  // of the key, behind "- " marks; kNone: the line is no "key: …"
  std::string_view key;
  bool has_value = false;
};

KeyLine parse_key_line(std::string_view line) {
  KeyLine out;
  std::size_t start = line.find_first_not_of(' ');
  while (start != kNone && line.substr(start).starts_with("- ")) start = line.find_first_not_of(' ', start + 1);
  const std::size_t colon = start == kNone ? kNone : line.find(':', start);
  if (colon == kNone) return out;
  out.key = line.substr(start, colon - start);
  if (out.key.empty() || out.key.find_first_of(" \t\"'#{[") != kNone) return out;
  out.column = start;
  out.has_value = line.find_first_not_of(" \t\r", colon + 1) != kNone;
  return out;
}

bool is_indented_with_tab(std::string_view line) {
  return line.substr(0, line.find_first_not_of(" \t")).find('\t') != kNone;
}

/// The published examples indent `matchExpr` below `- name: …` too far: name has its value already, so nothing can
/// stand below it.
std::string indentation_hint(const std::vector<std::string_view>& lines, std::size_t faulty) {
  if (faulty == 0 || faulty >= lines.size()) return "";
  if (is_indented_with_tab(lines[faulty])) return "; YAML is indented with blanks, not with tabs";
  const KeyLine below = parse_key_line(lines[faulty]);
  const KeyLine above = parse_key_line(lines[faulty - 1]);
  if (below.column == kNone || above.column == kNone || !above.has_value || below.column <= above.column) return "";
  return "; " + util::printable(below.key) + " must stand exactly below " + util::printable(above.key) + " (column " +
         std::to_string(above.column + 1) + ")";
}

/// yaml-cpp repeats the name of an undefined anchor, which may be a password that starts with "*".
std::string reason(const YAML::Exception& problem) {
  if (problem.msg.starts_with(YAML::ErrorMsg::UNKNOWN_ANCHOR)) {
    return std::string(YAML::ErrorMsg::UNKNOWN_ANCHOR) + " (text that starts with * needs quotes)";
  }
  return problem.msg;
}

}  // namespace

std::optional<std::vector<YAML::Node>> parse_yaml(const std::string& text, Diagnostics& diagnostics) {
  const std::vector<std::string_view> lines = split_lines(text);
  const auto garbled = std::ranges::find_if_not(lines, is_text);
  if (garbled != lines.end()) {
    const auto line = static_cast<int>(garbled - lines.begin()) + 1;
    diagnostics.error({line, 1}, "", "YAML syntax: control characters, or bytes that are not UTF-8");
    return std::nullopt;
  }
  try {
    std::vector<YAML::Node> documents = YAML::LoadAll(text);
    std::erase_if(documents, [](const YAML::Node& document) { return document.IsNull(); });
    return documents;
  } catch (const YAML::Exception& problem) {
    const bool placed = !problem.mark.is_null();
    const Mark mark = placed ? Mark{problem.mark.line + 1, problem.mark.column + 1} : Mark{};
    const std::string hint = placed ? indentation_hint(lines, static_cast<std::size_t>(problem.mark.line)) : "";
    diagnostics.error(mark, "", "YAML syntax: " + reason(problem) + hint);
    return std::nullopt;
  }
}

}  // namespace mqttproxy::config
