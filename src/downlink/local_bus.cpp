#include <algorithm>
#include <utility>

#include "mqttproxy/downlink/bus.hpp"

namespace mqttproxy::downlink {

namespace {

class LocalBus final : public Bus {
 public:
  explicit LocalBus(std::vector<WorkerPort*> workers) : workers_(std::move(workers)) {}

  PublishResult publish(std::vector<Message> messages) override {
    PublishResult result;
    for (Message& message : messages) {
      const auto shared = std::make_shared<const Message>(std::move(message));
      if (!std::ranges::all_of(workers_, [&](WorkerPort* worker) { return worker->deliver(shared); })) {
        result.reason = "a worker's downlink queue is full";
        break;
      }
      ++result.accepted;
    }
    return result;
  }

 private:
  const std::vector<WorkerPort*> workers_;
};

}  // namespace

std::unique_ptr<Bus> make_local_bus(std::vector<WorkerPort*> workers) {
  return std::make_unique<LocalBus>(std::move(workers));
}

}  // namespace mqttproxy::downlink
