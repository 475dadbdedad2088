// Options as a librdkafka configuration.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "mqttproxy/kafka/consumer.hpp"
#include "mqttproxy/kafka/embedded.hpp"
#include "mqttproxy/kafka/producer.hpp"

#include "raii.hpp"

namespace mqttproxy::kafka {

class LibraryLog;

/// Sets one property. The reason when librdkafka does not take it, without the value, which may be a secret.
[[nodiscard]] std::optional<std::string> set_property(rd_kafka_conf_t* conf, std::string_view name,
                                                      const std::string& value);

/// Everything of `options` except the backends: our defaults, then its properties, then what is not negotiable.
/// Throws std::runtime_error with the property and the reason.
[[nodiscard]] ConfPtr make_conf(const ProducerOptions& options);
[[nodiscard]] ConfPtr make_conf(const ConsumerOptions& options);

/// rd_kafka_new. `log` must outlive the handle; nullptr silences it. Throws std::runtime_error with its reason.
[[nodiscard]] HandlePtr make_handle(ConfPtr conf, LibraryLog* log, rd_kafka_type_t type = RD_KAFKA_PRODUCER);

/// Points `conf` at the backends; the embedded Kafka when that is what they mean, to be kept as long as the handle.
/// Throws std::runtime_error.
[[nodiscard]] std::shared_ptr<EmbeddedKafka> set_backends(rd_kafka_conf_t* conf,
                                                          const std::vector<std::string>& backends);

/// "host:port,host:port" for bootstrap.servers.
[[nodiscard]] std::string bootstrap_servers(const std::vector<std::string>& backends);

/// backends == {"embedded"}.
[[nodiscard]] bool is_embedded(const std::vector<std::string>& backends) noexcept;

}  // namespace mqttproxy::kafka
