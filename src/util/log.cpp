#include "mqttproxy/util/log.hpp"

#include <chrono>
#include <ctime>
#include <memory>

#include <nlohmann/json.hpp>
#include <spdlog/details/os.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/formatter.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "mqttproxy/util/recent_log.hpp"

namespace mqttproxy::util {

namespace {

/// One JSON object per line: {"time":"…Z","level":"info","message":"…"}.
class JsonFormatter : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& msg, spdlog::memory_buf_t& dest) override {
    const auto since_epoch = msg.time.time_since_epoch();
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count() % 1000;
    const std::tm utc = spdlog::details::os::gmtime(std::chrono::system_clock::to_time_t(msg.time));
    const nlohmann::ordered_json line = {
        {"time", fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                             utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, millis)},
        {"level", std::string_view(spdlog::level::to_string_view(msg.level).data())},
        {"message", std::string_view(msg.payload.data(), msg.payload.size())}};
    const std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    dest.append(text.data(), text.data() + text.size());
    dest.push_back('\n');
  }

  [[nodiscard]] std::unique_ptr<formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
};

/// Hands warnings and errors to recent_log(), which has a lock of its own.
class RecentSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  RecentSink() { set_level(spdlog::level::warn); }

 private:
  void sink_it_(const spdlog::details::log_msg& msg) override {
    const std::string_view text(msg.payload.data(), msg.payload.size());
    recent_log().note(RecentLog::kind_of(text), msg.level, text, msg.time);
  }
  void flush_() override {}
};

}  // namespace

void init_logging(spdlog::level::level_enum level, LogFormat format) {
  const spdlog::sinks_init_list sinks = {std::make_shared<spdlog::sinks::stderr_sink_mt>(),
                                         std::make_shared<RecentSink>()};
  auto logger = std::make_shared<spdlog::logger>("mqttproxy", sinks);
  logger->set_level(level);
  logger->flush_on(spdlog::level::trace);
  if (format == LogFormat::Json) {
    logger->set_formatter(std::make_unique<JsonFormatter>());
  } else {
    logger->set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
  }
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace mqttproxy::util
