// The worker as the session store sees it: calls from its threads, posted to this one.
#include <utility>

#include <boost/asio/post.hpp>

#include "worker.hpp"

namespace mqttproxy::net {

using session::Handle;

cluster::Seat Worker::seat(Handle connection) const noexcept {
  return {index_, id_of(connection)};
}

template <class Call>
void Worker::post_to(cluster::Seat seat, Call&& call) {
  boost::asio::post(io_, [this, handle = handle_of(seat.connection), run = std::forward<Call>(call)]() mutable {
    if (Connection* connection = find(handle)) run(*connection);
  });
}

void Worker::on_claimed(cluster::Seat seat, cluster::Claimed claimed) {
  post_to(seat,
          [moved = std::move(claimed)](Connection& connection) mutable { connection.on_claimed(std::move(moved)); });
}

void Worker::on_stored(cluster::Seat seat, std::uint64_t token) {
  post_to(seat, [token](Connection& connection) { connection.on_stored(token); });
}

void Worker::on_lost(cluster::Seat seat, cluster::Loss loss) {
  post_to(seat, [loss](Connection& connection) { connection.on_lost(loss); });
}

void Worker::on_recovered(cluster::Seat seat, std::vector<cluster::Recovered> messages, bool complete) {
  post_to(seat, [moved = std::move(messages), complete](Connection& connection) {
    connection.on_recovered(moved, complete);
  });
}

void Worker::on_collect(std::uint64_t round) {
  boost::asio::post(io_, [this, round] { report(round); });
}

void Worker::report(std::uint64_t round) {
  cluster::Offsets now = fanout_.position();
  cluster::Progress progress;
  progress.position = std::exchange(trailing_[0], std::exchange(trailing_[1], now));
  for (ProxyRuntime& proxy : proxies_) {
    proxy.registry.review([&](const session::Session& session) {
      Connection* connection = find(session.connection);
      return connection != nullptr && connection->report(session, now, progress);
    });
  }
  shared_.store->report(index_, round, std::move(progress));
}

}  // namespace mqttproxy::net
