#include "wills.hpp"

#include <utility>

#include "mqttproxy/util/log.hpp"
#include "mqttproxy/util/text.hpp"

#include "worker.hpp"

namespace mqttproxy::net {

void Wills::publish(Will will) {
  if (waiting_.empty() && run(will)) return;
  if (waiting_.size() >= worker_.limits().max_waiting_wills) {
    worker_.counters().events[Event::WillsDropped].add();
    worker_.abandon(will.publication);
    return;
  }
  waiting_.push_back(std::move(will));
  worker_.counters().events[Event::WillsWaiting].add();
}

void Wills::retry() {
  while (!waiting_.empty() && run(waiting_.front())) {
    waiting_.pop_front();
    worker_.counters().events[Event::WillsWaiting].sub();
  }
}

bool Wills::run(Will& will) {
  session::Slab<Publication>& publications = worker_.publications();
  if (publications.find(will.publication) == nullptr) {
    Publication publication;
    publication.proxy = will.proxy;
    publication.qos = will.message.qos;
    publication.read_at = session::stamp(Worker::Clock::now());
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
  const PipelinePtr& pipeline = will.pipeline ? will.pipeline : will.proxy->pipeline(config::RuleType::Publish);
  const pipeline::RunState state = pipeline->run(context);
  publications.find(will.publication)->outstanding += context.records - before;
  if (state == pipeline::RunState::Blocked) {
    will.memory = std::move(context.memory);
    will.pipeline = pipeline;
    return false;
  }
  worker_.counters().events[Event::Wills].add();
  finish(will, context);
  return true;
}

void Wills::finish(const Will& will, const pipeline::Context& context) {
  using pipeline::Action;
  const bool refused = context.action() == Action::Disconnect || context.action() == Action::Refuse;
  if (refused || (context.records == 0 && context.action() == Action::None)) {
    // The client is gone: only the log can say it.
    spdlog::warn("will not stored client_id=\"{}\" proxy={} detail=\"{}\"", util::printable(will.client_id),
                 will.proxy->config->name,
                 refused ? context.reason() : "the Publish pipeline ended without a stored record");
    worker_.counters().count(will.message.qos, Fate::NotStored);
    return worker_.abandon(will.publication);
  }
  if (context.records == 0) worker_.counters().count(will.message.qos, Fate::Dropped);
  Publication& publication = *worker_.publications().find(will.publication);
  if (--publication.outstanding != 0) return;
  if (context.records != 0) worker_.note_outcome(publication, session::stamp(Worker::Clock::now()));
  worker_.publications().erase(will.publication);
}

}  // namespace mqttproxy::net
