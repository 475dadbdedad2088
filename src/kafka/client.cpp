#include "client.hpp"

#include "conf.hpp"

namespace mqttproxy::kafka {

Client::Client(const ProducerOptions& options) : log_(options.name) {
  ConfPtr conf = make_conf(options);
  embedded_ = set_backends(conf.get(), options.backends);
  handle_ = make_handle(std::move(conf), &log_);
  events_.reset(rd_kafka_queue_get_main(handle_.get()));
}

}  // namespace mqttproxy::kafka
