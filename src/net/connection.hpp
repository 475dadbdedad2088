// One TCP connection on its worker: readiness in, session core, bytes out. Everything here runs on the worker's
// thread. A connection is reached from outside by its Handle only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mqttproxy/cluster/session_store.hpp"
#include "mqttproxy/downlink/session_directory.hpp"
#include "mqttproxy/pipeline/context.hpp"
#include "mqttproxy/session/core.hpp"
#include "mqttproxy/util/rate_limit.hpp"

#include "arrival.hpp"
#include "descriptor.hpp"
#include "output.hpp"
#include "shared.hpp"

namespace mqttproxy::net {

class Seated;
class Worker;

/// Why a connection is not read. More than one may hold.
enum class Park : std::uint8_t {
  Producer = 1,  // a producer queue is full
  Window = 2,    // the ack window is full
  Filter = 4,    // a filter went asynchronous
  Output = 8,    // the peer does not take our bytes
  Session = 16,  // the session store has not answered
  Rate = 32,     // clientPublishLimit
};

/// A pipeline's run that will be repeated, with the filters it began with: a reload does not change it.
struct WaitingRun {
  pipeline::Context::Memory memory;
  PipelinePtr pipeline;
  std::uint16_t node;  // it stopped at
};

/// Life: emplace in the worker's slab → start() → events → end() erases it. No event handler holds a pointer to it.
class Connection final : public session::Host, public pipeline::Suspender {
 public:
  /// All of `arrival` but what was received, which start() takes.
  Connection(Worker& worker, ProxyRuntime& proxy, Arrival& arrival);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Entry points, each called by the worker once per event. Afterwards the connection may be gone.
  void start(session::Handle self, std::string_view received);
  void on_readable();
  void on_writable();
  void on_room();
  void on_time();  // what it was too early for may be due
  /// A reload: what was published before is settled before anything goes to producers that may be others, so that
  /// nothing overtakes it. Only notes it.
  void on_new_pipelines() noexcept { settle_first_ = core_.unacked() != 0; }
  void on_filter_result(pipeline::FilterResult result);
  void on_settled(session::Stamp now);  // acknowledgements may be due
  void on_downlink();                   // messages may wait in the session's outbox
  void on_deadline();
  // Answers of the session store.
  void on_claimed(cluster::Claimed claimed);
  void on_stored(std::uint64_t token);
  void on_recovered(const std::vector<cluster::Recovered>& messages, bool complete);
  void on_lost(cluster::Loss loss);
  /// True once until on_settled(): a batch of reports touches a connection many times and writes to it once.
  [[nodiscard]] bool note_settled() noexcept { return !std::exchange(settled_, true); }
  void end(session::CloseCause cause, std::string_view detail);
  /// Another connection has its client id [MQTT-3.1.4-2].
  void end_displaced();
  /// Adds what the session store has to know of the connection's session. False: nothing, until there is a message for
  /// it. Precondition: the session is stored.
  bool report(const session::Session& session, const cluster::Offsets& now, cluster::Progress& progress);

  [[nodiscard]] session::Core& core() noexcept { return core_; }
  [[nodiscard]] const session::Core& core() const noexcept { return core_; }
  [[nodiscard]] const std::string& address() const noexcept { return address_; }
  [[nodiscard]] const ProxyRuntime& proxy() const noexcept { return proxy_; }
  /// Precondition: the client is connected.
  [[nodiscard]] downlink::ConnectionDetail describe() const;
  /// Kafka's name for the error that will close this connection, for the log.
  void note_error(std::int16_t code) noexcept { kafka_error_ = code; }

 private:
  // session::Host
  session::Step on_connect(const mqtt::Connect& packet, session::ConnectAnswer& answer) override;
  session::PublishStep on_publish(const mqtt::Publish& packet, session::AckWindow::Sequence sequence) override;
  session::Step on_subscribe(const mqtt::Subscribe& packet, std::vector<std::uint8_t>& return_codes) override;
  session::Step on_unsubscribe(const mqtt::Unsubscribe& packet) override;
  // pipeline::Suspender
  std::function<void(pipeline::FilterResult)> suspend() override;

  session::Step authorise(const mqtt::Connect& packet, std::string_view client_id, session::ConnectAnswer& answer);
  /// connectionLimit, asked once.
  session::Step admit(const mqtt::Connect& packet, session::ConnectAnswer& answer);
  /// clientPublishLimit. False: parked.
  bool allow(const mqtt::Publish& packet);
  /// An earlier connection of the session has left records on their way, and there was a reload since.
  [[nodiscard]] bool left_before_reload(const session::Session& session) const noexcept;
  /// What went to the pipelines before a reload is settled. False: parked.
  bool settled_before_reload();
  /// One of the proxy's maxAllowedConnection places; end() gives it back. A takeover always gets one.
  session::Step take_place(std::string_view client_id, session::ConnectAnswer& answer);
  /// limits.maxSessions, without a session store: that has a count of its own.
  session::Step admit_session(const mqtt::Connect& packet, std::string_view client_id, session::ConnectAnswer& answer);
  session::Step refuse_session(session::ConnectAnswer& answer);
  void attach(const mqtt::Connect& packet, std::string_view client_id, session::ConnectAnswer& answer);
  /// What the filters see of CONNECT: with `username: fromCertificate` the certificate's name instead of what the
  /// packet says.
  session::Step name_by_certificate(mqtt::Connect& packet, session::ConnectAnswer& answer);
  void log_connected(const mqtt::Connect& packet, std::string_view client_id) const;

  // With a session store.
  [[nodiscard]] cluster::Seat seat() const noexcept;
  /// nullptr: the session is a clean one, or there is none.
  [[nodiscard]] session::Session* stored_session() noexcept;
  /// Done: the store has answered, and the session can be made of that.
  session::Step claim(const mqtt::Connect& packet, std::string_view client_id, session::ConnectAnswer& answer);
  void resume(const mqtt::Connect& packet, std::string_view client_id, session::ConnectAnswer& answer);
  void take_up(session::Session& session, cluster::Cut& cut);
  /// SUBSCRIBE and UNSUBSCRIBE are looked at again once their change is stored. nullopt: this is the first time.
  std::optional<session::Step> earlier_try(std::vector<std::uint8_t>& return_codes);
  /// The packet has been applied. Wait: until the change it made is stored.
  session::Step store_change(const std::vector<std::uint8_t>& return_codes);
  void release_seat();

  session::PublishStep finish_publish(pipeline::Context& context, session::Handle publication);
  session::Step run_plain(config::RuleType type, pipeline::Context& context);
  /// A rule for that packet type, or a run that waits: which of them, run() knows.
  [[nodiscard]] bool has_pipeline(config::RuleType type) const noexcept { return waiting_ || proxy_.pipeline(type); }
  pipeline::Context& begin(mqtt::PacketType type, std::string_view client_id,
                           const std::optional<std::string_view>& username);
  /// Runs the pipeline; true when it finished, else parked with what is needed to run it again. Precondition:
  /// has_pipeline().
  bool run(config::RuleType type, pipeline::Context& context);

  void consume(std::string_view bytes);
  void consume_stash();
  std::size_t feed(std::string_view bytes, std::string& replies);
  void release_into(std::string& replies, session::Stamp now);
  /// Sends `replies` and, behind them, what the session's outbox has for the client. Leaves `replies` in no useful
  /// state.
  void flush(std::string& replies);
  void append_messages(session::Outbox& outbox, std::string& bytes);
  /// Both parts in one write, of `large` the payload; what the socket does not take waits in output_.
  void send(std::string_view bytes, const session::DeliveryPtr& large = {});
  Io read(char* buffer, std::size_t room);
  /// Returns how many bytes the socket has taken.
  std::size_t write(std::span<iovec> parts);
  void read_proxy_header();
  /// There was nothing to read, for this reason.
  void on_no_bytes(IoStatus status);
  /// What a connection has not done in time that is no client yet; counts it.
  std::string_view note_overdue();
  void park(Park why);
  void unpark(Park why);
  void go_on();  // after anything that may have changed: close, move home, or wait for what has to come
  void await_socket();
  void move_home(unsigned home);
  void lost(std::string_view detail);
  void publish_will();
  void run_disconnect_pipeline();
  void log_end() const;
  void touch();

  Worker& worker_;
  ProxyRuntime& proxy_;
  Descriptor descriptor_;
  std::unique_ptr<TlsStream> tls_;  // nullptr: plain
  Places::Place place_;
  session::Core core_;
  std::string stash_;    // received, not consumed
  Output output_;        // to be sent
  std::string address_;  // of the peer
  std::unique_ptr<WaitingRun> waiting_;
  std::unique_ptr<Seated> seated_;                 // while the session store is owed a release
  std::unique_ptr<util::RateLimit> publish_rate_;  // once there is something to limit
  std::uint64_t bytes_in_ = 0;                     // of MQTT
  std::uint64_t bytes_out_ = 0;                    // the same
  session::Handle self_;
  session::Handle session_;
  session::Handle publication_;  // of the PUBLISH that waits
  std::optional<unsigned> move_to_;
  std::uint32_t unsent_replies_ =
      0;                        // bytes in output_ that came while it was not empty: the peer asks and does not read
  session::Stamp read_at_ = 0;  // when the bytes came that are looked at, or wait in the stash
  std::int16_t kafka_error_ = 0;
  std::uint8_t parked_ = 0;
  bool settled_ = false;
  std::uint8_t watched_ = 0;  // the events the poller is to tell of
  bool read_posted_ = false;
  bool peer_gone_ = false;
  bool admitted_ = false;      // by connectionLimit
  bool settle_first_ = false;  // see on_new_pipelines()
  bool awaits_proxy_header_ = false;
  bool partial_ = false;  // what is in the stash began in an earlier read
};

}  // namespace mqttproxy::net
