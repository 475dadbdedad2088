#include "mqttproxy/config/diagnostics.hpp"

#include <algorithm>
#include <tuple>

namespace mqttproxy::config {

namespace {

bool same(const Problem& a, const Problem& b) {
  return a.mark.line == b.mark.line && a.mark.column == b.mark.column && a.path == b.path && a.text == b.text;
}

void add(std::vector<Problem>& problems, Problem problem) {
  const bool known = std::ranges::any_of(problems, [&](const Problem& other) { return same(other, problem); });
  if (!known) problems.push_back(std::move(problem));
}

std::string format(const std::string& file, std::vector<Problem> problems) {
  std::ranges::stable_sort(problems, {}, [](const Problem& p) { return std::tuple(p.mark.line, p.mark.column); });
  std::string out;
  for (const Problem& problem : problems) {
    out += file + ":";
    if (problem.mark.line > 0) {
      out += std::to_string(problem.mark.line) + ":" + std::to_string(problem.mark.column) + ":";
    }
    out += " ";
    if (!problem.path.empty()) out += problem.path + ": ";
    out += problem.text + "\n";
  }
  return out;
}

}  // namespace

void Diagnostics::error(Mark mark, std::string path, std::string text) {
  add(errors_, Problem{mark, std::move(path), std::move(text)});
}

void Diagnostics::warning(Mark mark, std::string path, std::string text) {
  add(warnings_, Problem{mark, std::move(path), std::move(text)});
}

std::string Diagnostics::format_errors() const {
  return format(file_, errors_);
}

std::string Diagnostics::format_warnings() const {
  return format(file_, warnings_);
}

}  // namespace mqttproxy::config
