#include "load/fanout.hpp"

#include <charconv>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "load/error.hpp"
#include "load/handshakes.hpp"
#include "load/packets.hpp"
#include "load/sockets.hpp"
#include "load/streams.hpp"

namespace mqttproxy::bench {
namespace {

// Every payload begins with the publisher's index and the number of its message, in hex; the rest is filler.
constexpr std::size_t kLaneDigits = 4;
constexpr std::size_t kNumberDigits = 16;
constexpr std::uint16_t kPacketId = 1;  // of every publish: a lane has one under way
static_assert(kLaneDigits + kNumberDigits == kFewestFanoutBytes);

void write_hex(char* at, std::size_t digits, std::uint64_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = digits; i-- > 0; value >>= 4) at[i] = kDigits[value & 0xF];
}

std::optional<std::uint64_t> read_hex(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// A publisher. Its packet or request is encoded once; only the number in it changes.
struct Lane {
  Fd socket;
  std::string bytes;
  std::size_t number_at = 0;
  AnswerStream mqtt;
  HttpAnswers http;

  std::uint64_t number = 0;  // of the message under way
  Nanoseconds started{0};
  std::uint64_t missing = 0;  // deliveries that have not come
  bool answered = true;
};

struct Subscriber {
  Fd socket;
  PacketStream packets;
};

/// One thread, one epoll: the subscribers' tags are their indices, the lanes follow.
class Fanout {
 public:
  explicit Fanout(const Options& options) : options_(options), buffer_(std::size_t{256} * 1024) {
    open_subscribers();
    open_lanes();
    seen_.resize(subscribers_.size() * lanes_.size());
  }

  /// A stretch of load that ends with nothing under way.
  FanoutResult run(std::uint64_t messages, Nanoseconds duration) {
    result_ = FanoutResult{};
    unsent_ = messages;
    const Nanoseconds begin = monotonic_now();
    last_progress_ = begin;
    end_ = duration == Nanoseconds::max() ? duration : begin + duration;
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane) start_next(lane);
    while (under_way_ > 0) {
      const auto events = epoll_.wait(wait_step(options_.timeout));
      for (const epoll_event& event : events) serve(event.data.u64);
      check_progress();
    }
    result_.elapsed = monotonic_now() - begin;
    return std::exchange(result_, FanoutResult{});
  }

 private:
  static constexpr std::uint64_t kOpenedAtOnce = 50;

  void open_subscribers() {
    auto handshakes = run_handshakes(options_, options_.connections, kOpenedAtOnce, AfterConnack::Keep);
    const std::string subscribe = encode_subscribe(options_.topic, options_.qos);
    for (Fd& socket : handshakes.sockets) {
      send_whole(socket, subscribe);
      epoll_.add(socket.get(), EPOLLIN, subscribers_.size());
      subscribers_.push_back({std::move(socket), {}});
    }
    last_progress_ = monotonic_now();
    for (unsubscribed_ = subscribers_.size(); unsubscribed_ > 0; check_progress()) {
      for (const epoll_event& event : epoll_.wait(wait_step(options_.timeout))) serve(event.data.u64);
    }
  }

  void open_lanes() {
    require_descriptors(options_.connections + options_.concurrency);
    if (options_.http_port == 0) {
      Options publishers = options_;
      publishers.client_prefix += "pub-";
      auto handshakes = run_handshakes(publishers, options_.concurrency, kOpenedAtOnce, AfterConnack::Keep);
      for (Fd& socket : handshakes.sockets) add_lane(std::move(socket));
      return;
    }
    for (std::uint64_t i = 0; i < options_.concurrency; ++i) {
      Fd socket = connect_blocking({options_.target.host, options_.http_port});
      if (!socket.is_open()) throw LoadError("nobody listens on port " + std::to_string(options_.http_port));
      add_lane(std::move(socket));
    }
  }

  void add_lane(Fd socket) {
    std::string payload(options_.payload_bytes, 'x');
    write_hex(payload.data(), kLaneDigits, lanes_.size());
    Lane lane;
    lane.bytes =
        options_.http_port == 0 ? encode_publish(options_.topic, payload, options_.qos, kPacketId) : request(payload);
    lane.number_at = lane.bytes.rfind(payload) + kLaneDigits;
    epoll_.add(socket.get(), EPOLLIN, subscribers_.size() + lanes_.size());
    lane.socket = std::move(socket);
    lanes_.push_back(std::move(lane));
  }

  [[nodiscard]] std::string request(const std::string& payload) const {
    const nlohmann::ordered_json body = {
        {"topic", options_.topic}, {"qos", options_.qos}, {"payload", payload}, {"base64", false}};
    return http_post(options_.target.host + ":" + std::to_string(options_.http_port),
                     "/apis/v1/mqttproxy/" + options_.proxy + "/topics/publish", body.dump());
  }

  void start_next(std::size_t index) {
    if (unsent_ == 0) return;
    const Nanoseconds now = monotonic_now();
    if (now >= end_) return;
    Lane& lane = lanes_[index];
    --unsent_;
    ++under_way_;
    ++lane.number;
    lane.missing = subscribers_.size();
    lane.answered = options_.http_port == 0 && options_.qos == 0;
    lane.started = now;
    write_hex(lane.bytes.data() + lane.number_at, kNumberDigits, lane.number);
    send_whole(lane.socket, lane.bytes);
  }

  void serve(std::size_t tag) {
    const bool is_lane = tag >= subscribers_.size();
    const Fd& socket = is_lane ? lanes_[tag - subscribers_.size()].socket : subscribers_[tag].socket;
    const std::size_t got = receive(socket, buffer_);
    if (got == 0) return;
    last_progress_ = now_ = monotonic_now();
    const auto bytes = std::span<const std::uint8_t>(buffer_).first(got);
    if (is_lane) {
      take_answers(tag - subscribers_.size(), bytes);
    } else {
      take_deliveries(tag, bytes);
    }
    for (const std::size_t lane : finished_) start_next(lane);
    finished_.clear();
  }

  void take_deliveries(std::size_t subscriber, std::span<const std::uint8_t> bytes) {
    acknowledgements_.clear();
    const bool valid = subscribers_[subscriber].packets.feed(bytes, [&](const ServerPacket& packet) {
      if (unsubscribed_ > 0) {
        take_suback(packet);
      } else {
        take_delivery(subscriber, packet);
      }
    });
    if (!valid) throw LoadError("the server sent something that is no packet");
    if (!acknowledgements_.empty()) send_whole(subscribers_[subscriber].socket, acknowledgements_);
  }

  void take_suback(const ServerPacket& packet) {
    constexpr unsigned kSuback = 9;
    if (packet.type() != kSuback || packet.body.size() != 3) throw LoadError("the answer is no SUBACK");
    if (packet.body[2] != options_.qos) {
      throw LoadError("SUBACK with return code " + std::to_string(packet.body[2]) + " for QoS " +
                      std::to_string(options_.qos));
    }
    --unsubscribed_;
  }

  void take_delivery(std::size_t subscriber, const ServerPacket& packet) {
    const auto delivery = parse_delivery(packet);
    if (!delivery) throw LoadError("the server sent a subscriber something that is no PUBLISH");
    if (delivery->topic != options_.topic || delivery->qos != options_.qos ||
        delivery->payload.size() != options_.payload_bytes) {
      throw LoadError("a delivery has another topic, QoS or size than what was published");
    }
    const auto lane_index = read_hex(delivery->payload.substr(0, kLaneDigits));
    const auto number = read_hex(delivery->payload.substr(kLaneDigits, kNumberDigits));
    if (!lane_index || !number || *lane_index >= lanes_.size()) throw LoadError("a delivery that nobody published");
    Lane& lane = lanes_[*lane_index];
    std::uint64_t& seen = seen_[subscriber * lanes_.size() + *lane_index];
    if (*number != lane.number || seen == *number) {
      throw LoadError("subscriber " + std::to_string(subscriber) + " got message " + std::to_string(*number) +
                      " twice or when it was not under way");
    }
    seen = *number;
    result_.latency.record(now_ - lane.started);
    ++result_.deliveries;
    --lane.missing;
    if (delivery->qos > 0) append_puback(acknowledgements_, delivery->packet_id);
    finish_if_done(*lane_index);
  }

  void take_answers(std::size_t index, std::span<const std::uint8_t> bytes) {
    Lane& lane = lanes_[index];
    std::size_t answers = 0;
    if (options_.http_port != 0) {
      const auto status = lane.http.feed({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      if (!status) return;
      constexpr int kOk = 200;
      if (*status != kOk) throw LoadError("HTTP publish answered with " + std::to_string(*status));
      answers = 1;
    } else {
      bool valid = true;
      valid &= lane.mqtt.feed(bytes, [&](Answer answer) {
        valid &= answer.type == AnswerType::Puback && answer.value == kPacketId;
        ++answers;
      });
      if (!valid) throw LoadError("the server sent a publisher something that is not its PUBACK");
      if (answers == 0) return;
    }
    if (answers != 1 || lane.answered) throw LoadError("a publish was answered twice");
    lane.answered = true;
    result_.answer_latency.record(now_ - lane.started);
    finish_if_done(index);
  }

  void finish_if_done(std::size_t index) {
    if (lanes_[index].missing > 0 || !lanes_[index].answered) return;
    ++result_.messages;
    --under_way_;
    finished_.push_back(index);
  }

  void check_progress() const {
    if (monotonic_now() - last_progress_ <= options_.timeout) return;
    std::uint64_t missing = 0;
    for (const Lane& lane : lanes_) missing += lane.missing;
    throw LoadError("nothing came for " + std::to_string(options_.timeout.count()) +
                    " s: " + std::to_string(under_way_) + " messages under way, " + std::to_string(missing) +
                    " deliveries and " + std::to_string(unsubscribed_) + " SUBACKs missing");
  }

  const Options& options_;
  std::vector<std::uint8_t> buffer_;
  std::string acknowledgements_;
  Epoll epoll_;
  std::vector<Subscriber> subscribers_;
  std::vector<Lane> lanes_;
  std::vector<std::uint64_t> seen_;    // [subscriber][lane]: the last message
  std::vector<std::size_t> finished_;  // lanes, by what was just read
  std::uint64_t unsubscribed_ = 0;     // subscribers without their SUBACK

  FanoutResult result_;
  std::uint64_t unsent_ = 0;
  std::uint64_t under_way_ = 0;
  Nanoseconds end_{0};
  Nanoseconds now_{0};
  Nanoseconds last_progress_{0};
};

}  // namespace

FanoutResult run_fanout(const Options& options) {
  constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();
  const ServerProbe server(options.pid);
  Fanout fanout(options);
  if (options.warmup > Seconds{0}) {
    (void)fanout.run(kNoLimit, std::chrono::duration_cast<Nanoseconds>(options.warmup));
  }
  const auto server_before = server.cpu();
  const CpuTime own_before = own_cpu_time();
  const bool counted = options.messages > 0;
  FanoutResult result =
      fanout.run(counted ? options.messages : kNoLimit,
                 counted ? Nanoseconds::max() : std::chrono::duration_cast<Nanoseconds>(options.duration));
  result.own_cpu = own_cpu_time() - own_before;
  if (server_before) result.server_cpu = *server.cpu() - *server_before;
  return result;
}

}  // namespace mqttproxy::bench
