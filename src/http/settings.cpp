#include "settings.hpp"

#include <stdexcept>

namespace mqttproxy::http {

Settings make_settings(const config::ApiConfig& config, const config::LimitsConfig& limits) {
  Settings settings{config, {limits.max_topic_bytes, limits.max_topic_levels}};
  if (!config.tls) return settings;
  settings.tls = config::make_tls_context(*config.tls, config.tls->certificates.front());
  if (!settings.tls) throw std::runtime_error("api.tls: OpenSSL has no memory");
  return settings;
}

}  // namespace mqttproxy::http
