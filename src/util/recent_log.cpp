#include "mqttproxy/util/recent_log.hpp"

#include <algorithm>

namespace mqttproxy::util {

namespace {

/// Whether a word of a log line is the same in all lines of its kind: no number, no value, no name.
bool is_fixed(std::string_view word) noexcept {
  return std::ranges::all_of(word, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-'; });
}

}  // namespace

std::string_view RecentLog::kind_of(std::string_view text) noexcept {
  std::size_t end = 0;  // of the words so far
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t space = std::min(text.find(' ', start), text.size());
    std::string_view word = text.substr(start, space - start);
    const bool last = word.ends_with(':');
    if (last) word.remove_suffix(1);
    if (word.empty() || !is_fixed(word)) break;
    end = start + word.size();
    if (last) break;
    start = space + 1;
  }
  return end == 0 ? kOther : text.substr(0, end);
}

void RecentLog::note(std::string_view kind, spdlog::level::level_enum level, std::string_view text,
                     Clock::time_point time) {
  Line line{time, level, std::string(text.substr(0, kMaxBytes))};
  const std::scoped_lock lock(mutex_);
  auto ring = rings_.find(kind);
  if (ring == rings_.end()) {
    ring = rings_.try_emplace(std::string(rings_.size() + 1 < kMaxKinds ? kind : kOther)).first;
  }
  ++ring->second.count;
  ring->second.lines.push_front(std::move(line));
  if (ring->second.lines.size() > kMaxLines) ring->second.lines.pop_back();
}

std::vector<RecentLog::Kind> RecentLog::kinds() const {
  std::vector<Kind> kinds;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [name, ring] : rings_) {
      kinds.push_back({name, ring.count, {ring.lines.begin(), ring.lines.end()}});
    }
  }
  std::ranges::sort(kinds, std::greater(), [](const Kind& kind) { return kind.latest.front().time; });
  return kinds;
}

RecentLog& recent_log() {
  static RecentLog log;
  return log;
}

}  // namespace mqttproxy::util
