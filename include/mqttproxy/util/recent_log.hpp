// The latest warnings and errors, by kind, for those who look at the daemon and not at its log. In memory, bounded.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <spdlog/common.h>

namespace mqttproxy::util {

/// Thread: any. Holds at most kMaxKinds × kMaxLines × kMaxBytes bytes of text, 0.6 MB. What it is given has been
/// logged, or could be: nothing secret is in it, and nothing that did not go through util::printable.
class RecentLog {
 public:
  using Clock = std::chrono::system_clock;

  static constexpr std::size_t kMaxKinds = 64;  // others count as kOther
  static constexpr std::size_t kMaxLines = 20;  // kept of each kind
  static constexpr std::size_t kMaxBytes = 512;
  static constexpr std::string_view kOther = "other";

  struct Line {
    Clock::time_point time;
    spdlog::level::level_enum level = spdlog::level::warn;
    std::string text;  // cut after kMaxBytes
  };
  struct Kind {
    std::string name;
    std::uint64_t count = 0;   // ever
    std::vector<Line> latest;  // newest first, never empty
  };

  void note(std::string_view kind, spdlog::level::level_enum level, std::string_view text,
            Clock::time_point time = Clock::now());
  /// The kind with the newest line first.
  [[nodiscard]] std::vector<Kind> kinds() const;

  /// The words a log line begins with, up to a colon or the first that is none, as in key=value: "kafka not ready".
  [[nodiscard]] static std::string_view kind_of(std::string_view text) noexcept;

 private:
  struct Ring {
    std::uint64_t count = 0;
    std::deque<Line> lines;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Ring, std::less<>> rings_;
};

/// The process's, as the log is.
[[nodiscard]] RecentLog& recent_log();

}  // namespace mqttproxy::util
