// Connections of clients whose sessions are in a store outside of this node: what they ask of it, and its answers.
#include <utility>

#include "mqttproxy/util/log.hpp"
#include "mqttproxy/util/text.hpp"

#include "connection.hpp"
#include "seated.hpp"
#include "worker.hpp"

namespace mqttproxy::net {

using mqtt::ConnectReturnCode;
using session::CloseCause;
using session::Step;

cluster::Seat Connection::seat() const noexcept {
  return worker_.seat(self_);
}

session::Session* Connection::stored_session() noexcept {
  if (!seated_) return nullptr;
  session::Session* session = proxy_.registry.find(session_);
  return session != nullptr && session->stored ? session : nullptr;
}

Step Connection::claim(const mqtt::Connect& packet, std::string_view client_id, session::ConnectAnswer& answer) {
  if (!seated_) {
    const Shared& shared = worker_.shared();
    seated_ = std::make_unique<Seated>(!packet.clean_session);
    core_.set_client_id(std::string(client_id));
    worker_.set_deadline(self_, Worker::Clock::now() + shared.claim_timeout);
    shared.store->claim(seat(), {proxy_.config->name, core_.client_id(), packet.clean_session,
                                 std::chrono::ceil<std::chrono::seconds>(worker_.limits().session_expiry),
                                 Worker::Clock::now(), worker_.limits().max_sessions});
  }
  if (seated_->claimed) return seated_->claimed->refused ? refuse_session(answer) : Step::Done;
  if (seated_->late) {
    answer.return_code = ConnectReturnCode::ServerUnavailable;
    answer.detail = "refused because Kafka has not answered in time";
    return Step::Close;
  }
  park(Park::Session);
  return Step::Wait;
}

void Connection::on_claimed(cluster::Claimed claimed) {
  if (!seated_ || core_.was_connected()) return;
  seated_->claimed = std::make_unique<cluster::Claimed>(std::move(claimed));
  unpark(Park::Session);
}

void Connection::on_deadline() {
  if (core_.was_connected()) return end(CloseCause::KeepAlive, "no Control Packet within 1.5 times the keep-alive");
  if (!seated_) return end(CloseCause::ConnectTimeout, note_overdue());
  seated_->late = true;
  unpark(Park::Session);  // CONNECT is looked at again, and refused
}

void Connection::resume(const mqtt::Connect& packet, std::string_view client_id, session::ConnectAnswer& answer) {
  if (const session::Session* served = proxy_.registry.find(proxy_.registry.find(client_id))) {
    if (Connection* displaced = worker_.find(served->connection)) displaced->end_displaced();  // [MQTT-3.1.4-2]
  }
  const auto claimed = std::move(seated_->claimed);
  session_ = proxy_.registry.resume(client_id, packet.clean_session, self_, claimed->unbroken);
  session::Session& session = *proxy_.registry.find(session_);
  answer.session = &session;
  settle_first_ = left_before_reload(session);
  answer.session_present = claimed->session_present;
  log_connected(packet, client_id);
  if (session.stored) take_up(session, claimed->cut);
}

void Connection::take_up(session::Session& session, cluster::Cut& cut) {
  for (const cluster::Filter& filter : cut.filters) proxy_.registry.restore(session_, filter.text, filter.granted);
  // With the filters in the tree: live delivery begins exactly there.
  cluster::Offsets position = worker_.fanout().position();
  const bool missed = !cut.references.empty() || (!cut.filters.empty() && cluster::is_behind(cut.from, position));
  seated_->take_up(cut.references, missed);
  session.stored->from = cut.from;
  proxy_.registry.watch(*session.stored);
  if (!missed) return;
  session.stored->recovering = true;
  proxy_.registry.outbox(session).begin_recovery();
  worker_.shared().store->recover(
      seat(), {std::move(cut.filters), std::move(cut.references), std::move(cut.from), std::move(position)});
}

void Connection::on_recovered(const std::vector<cluster::Recovered>& messages, bool complete) {
  session::Session* session = stored_session();
  if (session == nullptr || !session->stored->recovering) return;
  for (const cluster::Recovered& missed : messages) {
    const downlink::Message& message = *missed.message;
    const session::Position position{message.partition, message.offset};
    session->outbox->recover(session::DeliveryPtr(new session::Delivery(missed.message, message.topic, message.payload,
                                                                        mqtt::Qos::AtLeastOnce, position)),
                             missed.packet_id);
    seated_->arrived(position);
  }
  if (complete) {
    session->outbox->end_recovery();
    session->stored->recovering = false;
    seated_->recovered();
  }
  std::string& replies = worker_.reply_buffer();
  replies.clear();
  flush(replies);
  if (complete && (parked_ & static_cast<std::uint8_t>(Park::Session)) != 0) return unpark(Park::Session);
  go_on();
}

std::optional<Step> Connection::earlier_try(std::vector<std::uint8_t>& return_codes) {
  const session::Session* session = stored_session();
  if (session == nullptr) return std::nullopt;
  if (seated_->change == Seated::Change::Stored) {
    seated_->change = Seated::Change::None;
    return_codes = std::exchange(seated_->return_codes, {});
    return Step::Done;
  }
  // What is recovered was found by the filters there were, and no cut says how far it has come.
  if (seated_->change == Seated::Change::None && !session->stored->recovering) return std::nullopt;
  park(Park::Session);
  return Step::Wait;
}

Step Connection::store_change(const std::vector<std::uint8_t>& return_codes) {
  const session::Session* session = stored_session();
  if (session == nullptr || !std::exchange(session->stored->filters_changed, false)) return Step::Done;
  seated_->change = Seated::Change::Storing;
  seated_->return_codes = return_codes;
  worker_.shared().store->store(seat(), seated_->cut(proxy_.registry, *session, worker_.fanout().position()),
                                ++seated_->token);
  park(Park::Session);
  return Step::Wait;
}

void Connection::on_stored(std::uint64_t token) {
  if (!seated_ || seated_->change != Seated::Change::Storing || seated_->token != token) return;
  seated_->change = Seated::Change::Stored;
  unpark(Park::Session);
}

void Connection::on_lost(cluster::Loss loss) {
  if (!seated_) return;
  seated_.reset();  // nothing is released any more
  switch (loss) {
    case cluster::Loss::Takeover:
      return end_displaced();
    case cluster::Loss::Deleted: {
      session::Registry& registry = proxy_.registry;
      const session::Handle session = session_;
      end(CloseCause::SessionDeleted, "the session was deleted");
      return registry.remove(session);  // a shell of it
    }
    case cluster::Loss::Fenced:
      return end(CloseCause::SessionLost, "the other nodes have taken this one for dead");
    case cluster::Loss::Unavailable:
      return end(CloseCause::SessionLost, "what was written of the session is not known to be stored");
  }
}

bool Connection::report(const session::Session& session, const cluster::Offsets& now, cluster::Progress& progress) {
  return seated_->report(proxy_.registry, session, seat(), now, progress);
}

void Connection::release_seat() {
  if (!seated_) return;
  std::optional<cluster::Cut> cut;
  if (seated_->persistent && seated_->claimed) {
    cut = std::move(seated_->claimed->cut);
  } else if (const session::Session* session = stored_session()) {
    cut = seated_->cut(proxy_.registry, *session, worker_.fanout().position());
  }
  seated_.reset();
  worker_.shared().store->release(seat(), std::move(cut));
}

}  // namespace mqttproxy::net
