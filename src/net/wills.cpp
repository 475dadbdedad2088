#include "wills.hpp"

#include <utility>

#include "worker.hpp"

namespace mqttproxy::net {

void Wills::publish(Will will) {
  if (waiting_.empty() && run(will)) return;
  if (waiting_.size() >= kMaxWaiting) {
    worker_.counters().events[Event::WillsDropped].add();
    if (Publication* publication = worker_.publications().find(will.publication)) {
      if (--publication->outstanding == 0) worker_.publications().erase(will.publication);
    }
    return;
  }
  waiting_.push_back(std::move(will));
}

void Wills::retry() {
  while (!waiting_.empty() && run(waiting_.front())) waiting_.pop_front();
}

bool Wills::run(Will& will) {
  session::Slab<Publication>& publications = worker_.publications();
  if (publications.find(will.publication) == nullptr) {
    Publication publication;
    publication.proxy = will.proxy;
    will.publication = publications.emplace(publication);
  }
  const mqtt::Publish packet{.topic = will.message.topic,
                             .payload = will.message.payload,
                             .packet_id = 0,
                             .qos = will.message.qos,
                             .retain = will.message.retain,
                             .dup = false};
  pipeline::Context& context = worker_.context();
  const std::optional<std::string_view> username =
      will.username ? std::optional<std::string_view>(*will.username) : std::nullopt;
  context.begin(mqtt::PacketType::Publish, {will.client_id, username, will.address, will.proxy->config->name});
  context.publish = &packet;
  context.suspender = nullptr;
  context.memory = std::move(will.memory);
  context.token = worker_.token(will.publication);
  const std::uint32_t before = context.memory.records;
  const pipeline::RunState state = will.proxy->pipeline(config::RuleType::Publish)->run(context);
  Publication& publication = *publications.find(will.publication);
  publication.outstanding += context.records - before;
  if (state == pipeline::RunState::Blocked) {
    will.memory = std::move(context.memory);
    return false;
  }
  worker_.counters().events[Event::Wills].add();
  if (--publication.outstanding == 0) {
    worker_.note_outcome(publication);
    publications.erase(will.publication);
  }
  return true;
}

}  // namespace mqttproxy::net
