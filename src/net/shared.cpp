#include "shared.hpp"

namespace mqttproxy::net {

session::CoreSettings core_settings(const config::LimitsConfig& limits) {
  return {{limits.max_packet_bytes, limits.max_client_id_bytes, limits.max_topic_bytes, limits.max_topic_levels,
           limits.max_filters_per_packet},
          limits.ack_window};
}

session::RegistryLimits registry_limits(const config::LimitsConfig& limits, const MemoryGuard& memory) {
  return {{limits.inflight_window, limits.session_queue_messages, limits.session_queue_bytes, limits.max_unsent_bytes,
           limits.session_queue_full == config::QueueFull::DropNewest, [&memory] { return memory.full(); }},
          limits.max_filters_per_session};
}

}  // namespace mqttproxy::net
