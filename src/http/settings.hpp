// What of the API a reload may change.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "mqttproxy/config/config.hpp"
#include "mqttproxy/util/tls.hpp"

#include "publish_body.hpp"

namespace mqttproxy::http {

struct Settings {
  config::ApiConfig config{};
  TopicLimits topics{};
  std::shared_ptr<ssl_ctx_st> tls{};  // nullptr: plain
};

/// Throws std::runtime_error when OpenSSL refuses what it has taken when the configuration was read: for want of
/// memory.
[[nodiscard]] Settings make_settings(const config::ApiConfig& config, const config::LimitsConfig& limits);

/// The settings of now. Whoever has got some keeps them for as long as it needs them. Thread: any.
class CurrentSettings {
 public:
  explicit CurrentSettings(Settings settings) { set(std::move(settings)); }

  [[nodiscard]] std::shared_ptr<const Settings> get() const {
    const std::scoped_lock lock(mutex_);
    return settings_;
  }
  void set(Settings settings) {
    auto next = std::make_shared<const Settings>(std::move(settings));
    const std::scoped_lock lock(mutex_);
    settings_.swap(next);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Settings> settings_;
};

}  // namespace mqttproxy::http
