#include "client.hpp"

#include <stdexcept>

#include "conf.hpp"

namespace mqttproxy::kafka {

Client::Client(const ProducerOptions& options) : log_(options.name) {
  ConfPtr conf = make_conf(options);
  if (is_embedded(options)) embedded_ = EmbeddedKafka::shared();
  const std::string servers = embedded_ == nullptr ? bootstrap_servers(options) : embedded_->bootstrap();
  if (const auto problem = set_property(conf.get(), "bootstrap.servers", servers)) {
    throw std::runtime_error("backend: " + *problem);
  }
  handle_ = make_handle(std::move(conf), &log_);
  events_.reset(rd_kafka_queue_get_main(handle_.get()));
}

}  // namespace mqttproxy::kafka
