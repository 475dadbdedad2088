// A connection as somebody who looks after the daemon wants to see it.
#include <array>
#include <system_error>

#include "connection.hpp"
#include "listen.hpp"
#include "peer_address.hpp"
#include "worker.hpp"

namespace mqttproxy::net {

namespace {

/// As the label `cause` of mqttproxy_parks_total has them, and those that have no counter.
constexpr std::array<std::pair<Park, std::string_view>, 6> kParkNames = {{{Park::Producer, "producer_queue"},
                                                                          {Park::Window, "ack_window"},
                                                                          {Park::Filter, "filter"},
                                                                          {Park::Output, "output"},
                                                                          {Park::Session, "session"},
                                                                          {Park::Rate, "rate"}}};

}  // namespace

downlink::ConnectionDetail Connection::describe() const {
  downlink::ConnectionDetail detail;
  detail.client_id = core_.client_id();
  if (const auto username = core_.username()) detail.username = std::string(*username);
  detail.address = address_;
  try {
    detail.listener = peer_address(local_endpoint(descriptor_.get()));
  } catch (const std::system_error&) {  // the peer has reset it, and we have not heard of that yet
  }
  if (tls_) detail.tls = tls_->version();
  detail.keep_alive = core_.keep_alive();
  detail.packets_in = core_.packets_in();
  detail.packets_out = core_.packets_out();
  detail.bytes_in = bytes_in_;
  detail.bytes_out = bytes_out_;
  detail.unacked = core_.unacked();
  for (const auto& [why, name] : kParkNames) {
    if ((parked_ & static_cast<std::uint8_t>(why)) != 0) detail.parked.push_back(name);
  }
  if (const session::Session* session = core_.session()) {
    detail.since = session->connected_at;
    detail.clean_session = session->clean_session;
    detail.subscriptions = session->filters.size();
    if (session->outbox) {
      detail.inflight = session->outbox->inflight();
      detail.queued = session->outbox->queued();
    }
  }
  return detail;
}

}  // namespace mqttproxy::net
