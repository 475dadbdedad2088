#include "place.hpp"

#include "mqttproxy/util/text.hpp"

namespace mqttproxy::config {

namespace {

constexpr std::size_t kMaxEchoBytes = 64;

}  // namespace

Mark mark_of(const YAML::Node& node) {
  const YAML::Mark mark = node.Mark();
  return mark.is_null() ? Mark{} : Mark{mark.line + 1, mark.column + 1};
}

std::string child_path(const std::string& path, std::string_view key) {
  std::string name = util::printable(key, kMaxEchoBytes);
  if (path.empty()) return name;
  // Only the title of a document ("MQTTProxy m") has a blank and no colon.
  const bool title = path.find(' ') != std::string::npos && path.find(": ") == std::string::npos;
  return path + (title ? ": " : ".") + name;
}

std::string describe(const YAML::Node& node) {
  if (!node.IsDefined() || node.IsNull()) return "nothing";
  if (node.IsSequence()) return "a list";
  if (node.IsMap()) return "a map";
  return '"' + util::printable(node.Scalar(), kMaxEchoBytes) + '"';
}

}  // namespace mqttproxy::config
