// What the session core asks of its surroundings: pipelines, sessions, the will.
#include <utility>

#include "mqttproxy/util/log.hpp"
#include "mqttproxy/util/text.hpp"

#include "connection.hpp"
#include "seated.hpp"
#include "worker.hpp"

namespace mqttproxy::net {

namespace {

/// What a packet counts for in a rate limit, as documents for Easegress expect it: its remaining length and 8.
constexpr std::uint64_t kPacketCost = 8;

std::uint64_t cost(const mqtt::Connect& packet) noexcept {
  const auto field = [](const auto& text) { return text ? 2 + text->size() : 0; };
  std::uint64_t length = 10 + 2 + packet.client_id.size() + field(packet.username) + field(packet.password);
  if (packet.will) length += 2 + packet.will->topic.size() + 2 + packet.will->payload.size();
  return length + kPacketCost;
}

std::uint64_t cost(const mqtt::Publish& packet) noexcept {
  const std::uint64_t packet_id = packet.qos == mqtt::Qos::AtMostOnce ? 0 : 2;
  return 2 + packet.topic.size() + packet_id + packet.payload.size() + kPacketCost;
}

}  // namespace

using config::RuleType;
using mqtt::ConnectReturnCode;
using pipeline::Action;
using session::CloseCause;
using session::PublishStep;
using session::Step;

pipeline::Context& Connection::begin(mqtt::PacketType type, std::string_view client_id,
                                     const std::optional<std::string_view>& username) {
  pipeline::Context& context = worker_.context();
  context.begin(type, {client_id, username, address_, proxy_.config->name});
  context.suspender = this;
  if (waiting_) context.memory = std::move(waiting_->memory);
  return context;
}

bool Connection::run(RuleType type, pipeline::Context& context) {
  const std::unique_ptr<WaitingRun> earlier = std::move(waiting_);
  const PipelinePtr& pipeline = earlier ? earlier->pipeline : proxy_.pipeline(type);
  const pipeline::RunState state = pipeline->run(context);
  if (state == pipeline::RunState::Finished) return true;
  waiting_ = std::make_unique<WaitingRun>(WaitingRun{std::move(context.memory), pipeline, pipeline->stopped_at()});
  if (state == pipeline::RunState::Blocked) {
    park(Park::Producer);
    worker_.wait_for_room(self_);
  } else {
    park(Park::Filter);
  }
  return false;
}

std::function<void(pipeline::FilterResult)> Connection::suspend() {
  return [&worker = worker_, self = self_](pipeline::FilterResult result) { worker.post_filter_result(self, result); };
}

void Connection::on_filter_result(pipeline::FilterResult result) {
  if (!waiting_) return;
  waiting_->pipeline->resume(waiting_->memory, waiting_->node, result);
  unpark(Park::Filter);
}

Step Connection::on_connect(const mqtt::Connect& packet, session::ConnectAnswer& answer) {
  if (packet.client_id.empty() && core_.client_id().empty()) core_.set_client_id(worker_.generate_client_id());
  const std::string_view client_id = packet.client_id.empty() ? std::string_view(core_.client_id()) : packet.client_id;
  if (const unsigned home = worker_.home_of(client_id); home != worker_.index()) {
    move_to_ = home;
    return Step::Wait;
  }
  mqtt::Connect named = packet;
  Step step = admit(packet, answer);
  if (step == Step::Done) step = name_by_certificate(named, answer);
  if (step == Step::Done && !seated_) step = authorise(named, client_id, answer);
  // Nobody else can have a client id that was made here.
  if (step == Step::Done && worker_.shared().store != nullptr && !packet.client_id.empty()) {
    step = claim(packet, client_id, answer);
  }
  if (step == Step::Done && !seated_) step = admit_session(packet, client_id, answer);
  if (step == Step::Done) step = take_place(client_id, answer);
  if (step == Step::Done) seated_ ? resume(packet, client_id, answer) : attach(packet, client_id, answer);
  if (step == Step::Close && core_.client_id().empty()) core_.set_client_id(std::string(client_id));  // for the log
  return step;
}

Step Connection::authorise(const mqtt::Connect& packet, std::string_view client_id, session::ConnectAnswer& answer) {
  answer.return_code = ConnectReturnCode::Accepted;
  if (!has_pipeline(RuleType::Connect)) return Step::Done;  // everybody is let in, and check warned of it
  pipeline::Context& context = begin(mqtt::PacketType::Connect, client_id, packet.username);
  context.connect = &packet;
  if (!run(RuleType::Connect, context)) return Step::Wait;
  if (!context.reason().empty()) answer.detail = context.reason();
  switch (context.action()) {
    case Action::None:
    case Action::Drop:
      return Step::Done;
    case Action::Refuse:
      answer.return_code = context.return_code();
      break;
    case Action::Disconnect:
      answer.return_code = ConnectReturnCode::NotAuthorized;
      break;
  }
  if (proxy_.config->easegress_connect_refusal) answer.return_code = ConnectReturnCode::NotAuthorized;
  return Step::Close;
}

Step Connection::admit(const mqtt::Connect& packet, session::ConnectAnswer& answer) {
  if (admitted_) return Step::Done;  // the packet is looked at again
  const std::uint64_t bytes = cost(packet);
  admitted_ = worker_.shared().connect_limits[proxy_.index].take(proxy_.config->connect_rate, bytes);
  if (admitted_) return Step::Done;
  worker_.counters().events[Event::ConnectsLimited].add();
  answer.return_code = ConnectReturnCode::ServerUnavailable;
  answer.detail = "refused by connectionLimit";
  return Step::Close;
}

bool Connection::allow(const mqtt::Publish& packet) {
  const util::Rate& rate = proxy_.config->publish_rate;
  if (!rate.limited()) return true;
  if (!publish_rate_) publish_rate_ = std::make_unique<util::RateLimit>();
  if (publish_rate_->take(rate, cost(packet), Worker::Clock::now())) return true;
  park(Park::Rate);
  worker_.wait_for_time(self_);
  return false;
}

bool Connection::left_before_reload(const session::Session& session) const noexcept {
  return session.revision != worker_.revision() && session.unreleased.any_storing();
}

bool Connection::settled_before_reload() {
  if (!settle_first_) return true;
  settle_first_ = core_.unacked() != 0;
  if (settle_first_) park(Park::Window);  // each report looks at it again
  return !settle_first_;
}

Step Connection::name_by_certificate(mqtt::Connect& packet, session::ConnectAnswer& answer) {
  if (!proxy_.config->username_from_certificate) return Step::Done;
  packet.username = tls_ ? tls_->holder() : std::nullopt;
  packet.password.reset();
  if (!packet.username) {
    answer.detail = "no name in the client certificate";
    return Step::Close;
  }
  answer.username = packet.username;
  return Step::Done;
}

Step Connection::take_place(std::string_view client_id, session::ConnectAnswer& answer) {
  // Counted first, compared then: two workers must not both take the last place.
  auto& connected = worker_.shared().connected[proxy_.index];
  const std::uint32_t before = connected.fetch_add(1, std::memory_order_relaxed);
  const std::uint32_t limit = proxy_.config->max_allowed_connection;
  if (limit == 0 || before < limit || proxy_.registry.connected(client_id)) return Step::Done;
  connected.fetch_sub(1, std::memory_order_relaxed);
  answer.return_code = ConnectReturnCode::ServerUnavailable;
  answer.detail = "refused by maxAllowedConnection";
  return Step::Close;
}

Step Connection::admit_session(const mqtt::Connect& packet, std::string_view client_id,
                               session::ConnectAnswer& answer) {
  const std::uint32_t limit = worker_.limits().max_sessions;
  if (packet.clean_session || limit == 0 || worker_.persistent_sessions() < limit) return Step::Done;
  const session::Session* known = proxy_.registry.find(proxy_.registry.find(client_id));
  return known != nullptr && !known->clean_session ? Step::Done : refuse_session(answer);
}

Step Connection::refuse_session(session::ConnectAnswer& answer) {
  worker_.counters().events[Event::SessionsRefused].add();
  answer.return_code = ConnectReturnCode::ServerUnavailable;
  answer.detail = "refused by limits.maxSessions";
  return Step::Close;
}

void Connection::attach(const mqtt::Connect& packet, std::string_view client_id, session::ConnectAnswer& answer) {
  // [MQTT-3.1.4-3]
  const session::Registry::Attached attached = proxy_.registry.attach(client_id, packet.clean_session, self_);
  session_ = attached.session;
  answer.session = proxy_.registry.find(session_);
  answer.session_present = attached.session_present;
  log_connected(packet, client_id);
  if (Connection* displaced = worker_.find(attached.displaced)) displaced->end_displaced();  // [MQTT-3.1.4-2]
  settle_first_ = left_before_reload(*answer.session);
}

void Connection::log_connected(const mqtt::Connect& packet, std::string_view client_id) const {
  spdlog::info("client connected client_id=\"{}\" address={} proxy={} clean_session={} keep_alive={}{}{}",
               util::printable(client_id), address_, proxy_.config->name, packet.clean_session, packet.keep_alive,
               tls_ ? " tls=" : "", tls_ ? tls_->version() : "");
}

PublishStep Connection::on_publish(const mqtt::Publish& packet, session::AckWindow::Sequence sequence) {
  Publication* publication = worker_.publications().find(publication_);  // of a run that is repeated
  if (publication == nullptr) {
    if (!settled_before_reload() || !allow(packet)) return PublishStep::Wait;
    publication_ = worker_.publications().emplace(Publication{.connection = self_,
                                                              .session = session_,
                                                              .proxy = &proxy_,
                                                              .sequence = sequence,
                                                              .read_at = read_at_,
                                                              .packet_id = packet.packet_id,
                                                              .qos = packet.qos});
    publication = worker_.publications().find(publication_);
  }
  pipeline::Context& context = begin(mqtt::PacketType::Publish, core_.client_id(), core_.username());
  context.publish = &packet;
  context.token = worker_.token(publication_);
  const std::uint32_t before = context.memory.records;
  const bool finished = run(RuleType::Publish, context);
  publication->outstanding += context.records - before;
  if (!finished) return PublishStep::Wait;
  return finish_publish(context, std::exchange(publication_, {}));
}

PublishStep Connection::finish_publish(pipeline::Context& context, session::Handle handle) {
  if (context.action() == Action::Disconnect || context.action() == Action::Refuse) {  // [MQTT-3.3.5-2]
    worker_.abandon(handle);
    core_.close(CloseCause::Pipeline, context.reason());
    return PublishStep::Close;
  }
  Publication& publication = *worker_.publications().find(handle);
  if (--publication.outstanding != 0) return PublishStep::Accepted;
  const bool had_records = context.records != 0;  // a repeated run whose reports have all come meanwhile
  const bool stored = publication.stored();
  const mqtt::Qos qos = publication.qos;
  if (had_records) worker_.note_outcome(publication, session::stamp(Worker::Clock::now()));
  worker_.publications().erase(handle);
  if (had_records && stored) return PublishStep::Acknowledge;
  if (!had_records && context.action() == Action::Drop) {
    worker_.counters().count(qos, Fate::Dropped);
    return PublishStep::Acknowledge;
  }
  if (had_records) {
    core_.close(CloseCause::NotStored, "record not stored");
  } else {
    core_.close(CloseCause::Pipeline, "the Publish pipeline ended without a stored record");
  }
  return PublishStep::Close;
}

Step Connection::run_plain(RuleType type, pipeline::Context& context) {
  if (!run(type, context)) return Step::Wait;
  if (context.action() != Action::Disconnect && context.action() != Action::Refuse) return Step::Done;
  core_.close(CloseCause::Pipeline, context.reason());
  return Step::Close;
}

Step Connection::on_subscribe(const mqtt::Subscribe& packet, std::vector<std::uint8_t>& return_codes) {
  constexpr std::uint8_t kFailure = 0x80;  // [MQTT-3.9.3-2]
  if (const auto step = earlier_try(return_codes)) return *step;
  pipeline::Context* context = nullptr;
  if (has_pipeline(RuleType::Subscribe)) {
    context = &begin(mqtt::PacketType::Subscribe, core_.client_id(), core_.username());
    context->subscribe = &packet;
    if (const Step step = run_plain(RuleType::Subscribe, *context); step != Step::Done) return step;
  }
  return_codes.reserve(packet.requests.size());
  for (std::size_t i = 0; i < packet.requests.size(); ++i) {  // [MQTT-3.8.4-4] as if each had come alone
    const mqtt::TopicRequest& request = packet.requests[i];
    const bool refused =
        request.refused || (context != nullptr && (context->action() == Action::Drop || context->filter_refused(i)));
    return_codes.push_back(refused ? kFailure : proxy_.registry.subscribe(session_, request.filter, request.qos));
    if (return_codes.back() == kFailure) worker_.counters().events[Event::SubscriptionsRefused].add();
  }
  return store_change(return_codes);
}

Step Connection::on_unsubscribe(const mqtt::Unsubscribe& packet) {
  std::vector<std::uint8_t> none;
  if (const auto step = earlier_try(none)) return *step;
  if (has_pipeline(RuleType::Unsubscribe)) {
    pipeline::Context& context = begin(mqtt::PacketType::Unsubscribe, core_.client_id(), core_.username());
    context.unsubscribe = &packet;
    if (const Step step = run_plain(RuleType::Unsubscribe, context); step != Step::Done) return step;
  }
  // [MQTT-3.10.4-2]; what is in the outbox stays there [MQTT-3.10.4-3]
  for (const std::string_view filter : packet.filters) proxy_.registry.unsubscribe(session_, filter);
  return store_change({});
}

void Connection::publish_will() {
  auto message = core_.take_will();
  // [MQTT-3.1.2-8] on every end but DISCONNECT; not when the daemon stops: the device is not to blame
  if (!message || core_.close_cause() == CloseCause::Shutdown) return;
  Will will{&proxy_, core_.client_id(), {}, address_, std::move(*message), {}, {}, {}};
  if (core_.username()) will.username = std::string(*core_.username());
  worker_.wills().publish(std::move(will));
}

void Connection::run_disconnect_pipeline() {
  waiting_.reset();
  const PipelinePtr& pipeline = proxy_.pipeline(RuleType::Disconnect);
  if (!pipeline) return;
  pipeline::Context& context = begin(mqtt::PacketType::Disconnect, core_.client_id(), core_.username());
  context.suspender = nullptr;  // nobody is left to wait
  (void)pipeline->run(context);
}

}  // namespace mqttproxy::net
