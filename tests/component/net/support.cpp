#include "support.hpp"

#include <algorithm>
#include <chrono>
#include <sstream>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

namespace mqttproxy::net::testing {

namespace {

/// Only so that a test that hangs ends.
constexpr std::chrono::seconds kHangGuard{60};

/// Counts its runs by packet type; refuses CONNECT when told, takes every PUBLISH without storing it.
class NotingFilter final : public pipeline::Filter {
 public:
  NotingFilter(std::array<std::atomic<int>, 16>& runs, const std::atomic<bool>& refuse)
      : runs_(runs), refuse_(refuse) {}

  pipeline::FilterResult handle(pipeline::Context& context) noexcept override {
    ++runs_[static_cast<std::size_t>(context.type)];
    if (context.connect != nullptr && refuse_) context.refuse(mqtt::ConnectReturnCode::NotAuthorized, "told so");
    if (context.publish != nullptr) context.drop("told so");
    return pipeline::kSuccess;
  }

 private:
  std::array<std::atomic<int>, 16>& runs_;
  const std::atomic<bool>& refuse_;
};

}  // namespace

// ---- FakeStore

void FakeStore::add(Call call) {
  const std::scoped_lock lock(mutex_);
  if (call.kind == Call::Kind::Claim) seats_.push_back(call.seat);
  if (call.kind == Call::Kind::Release) {
    EXPECT_EQ(std::erase(seats_, call.seat), 1U) << "released twice, or after it was lost";
  }
  calls_.push_back(std::move(call));
  changed_.notify_all();
}

void FakeStore::claim(cluster::Seat seat, cluster::ClaimRequest request) {
  add({.kind = Call::Kind::Claim, .seat = seat, .request = std::move(request)});
}

void FakeStore::release(cluster::Seat seat, std::optional<cluster::Cut> cut) {
  add({.kind = Call::Kind::Release, .seat = seat, .cut = std::move(cut)});
}

void FakeStore::store(cluster::Seat seat, cluster::Cut cut, std::uint64_t token) {
  add({.kind = Call::Kind::Store, .seat = seat, .cut = std::move(cut), .token = token});
}

void FakeStore::recover(cluster::Seat seat, cluster::Recovery recovery) {
  add({.kind = Call::Kind::Recover, .seat = seat, .recovery = std::move(recovery)});
}

void FakeStore::report(std::uint32_t worker, std::uint64_t round, cluster::Progress progress) {
  add({.kind = Call::Kind::Report, .seat = {worker, 0}, .round = round, .progress = std::move(progress)});
}

Call FakeStore::next() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kHangGuard, [this] { return !calls_.empty(); })) {
    ADD_FAILURE() << "the store was not called";
    return {};
  }
  Call call = std::move(calls_.front());
  calls_.pop_front();
  return call;
}

Call FakeStore::expect(Call::Kind kind) {
  Call call = next();
  EXPECT_EQ(call.kind, kind);
  return call;
}

void FakeStore::forget(cluster::Seat seat) {
  const std::scoped_lock lock(mutex_);
  EXPECT_EQ(std::erase(seats_, seat), 1U);
}

std::size_t FakeStore::seats() const {
  const std::scoped_lock lock(mutex_);
  return seats_.size();
}

bool FakeStore::idle() const {
  const std::scoped_lock lock(mutex_);
  return calls_.empty();
}

// ---- Device

Device::Device(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0) << "port " << port;
  const timeval guard{kHangGuard.count(), 0};
  (void)::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &guard, sizeof guard);
}

Device::Device(Device&& other) noexcept : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}

Device::~Device() {
  drop();
}

void Device::drop() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Device::send(std::string_view bytes) {
  EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
}

void Device::connect(std::string_view client_id, bool clean_session) {
  mqtt::Connect packet;
  packet.client_id = client_id;
  packet.clean_session = clean_session;
  std::string bytes;
  mqtt::encode_connect(bytes, packet);
  send(bytes);
}

void Device::subscribe(mqtt::PacketId packet_id, const std::vector<std::string_view>& filters, mqtt::Qos qos) {
  mqtt::Subscribe packet{.packet_id = packet_id};
  for (const std::string_view filter : filters) packet.requests.push_back({.filter = filter, .qos = qos});
  std::string bytes;
  mqtt::encode_subscribe(bytes, packet);
  send(bytes);
}

void Device::unsubscribe(mqtt::PacketId packet_id, std::string_view filter) {
  std::string bytes;
  mqtt::encode_unsubscribe(bytes, {packet_id, {filter}});
  send(bytes);
}

void Device::publish(mqtt::PacketId packet_id, mqtt::Qos qos) {
  std::string bytes;
  mqtt::encode_publish(bytes, {.topic = "up", .payload = "p", .packet_id = packet_id, .qos = qos});
  send(bytes);
}

void Device::send(mqtt::PacketType type, mqtt::PacketId packet_id) {
  std::string bytes;
  mqtt::encode_packet_id(bytes, type, packet_id);
  send(bytes);
}

void Device::disconnect() {
  std::string bytes;
  mqtt::encode_empty(bytes, mqtt::PacketType::Disconnect);
  send(bytes);
}

bool Device::fill(int flags) {
  std::array<char, 4'096> bytes;
  const ssize_t n = ::recv(fd_, bytes.data(), bytes.size(), flags);
  EXPECT_FALSE(n < 0 && flags == 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) << "nothing came";
  if (n > 0) buffer_.append(bytes.data(), static_cast<std::size_t>(n));
  return n > 0;
}

std::string Device::packet() {
  while (true) {
    const auto header = mqtt::decode_fixed_header(buffer_, {});
    if (header && *header && buffer_.size() >= (*header)->packet_bytes()) {
      std::string bytes = buffer_.substr(0, (*header)->packet_bytes());
      buffer_.erase(0, bytes.size());
      return bytes;
    }
    if (!fill(0)) return "";
  }
}

std::string Device::message() {
  const std::string bytes = packet();
  const auto header = mqtt::decode_fixed_header(bytes, {});
  if (!header || !*header || (*header)->type != mqtt::PacketType::Publish) return "no PUBLISH";
  const auto publish =
      mqtt::decode_publish((*header)->flags, std::string_view(bytes).substr((*header)->header_bytes), {});
  if (!publish) return publish.error().message();
  return (publish->dup ? "+" : "") + std::string(publish->payload) + ":" + std::to_string(publish->packet_id);
}

bool Device::silent() {
  return buffer_.empty() && !fill(MSG_DONTWAIT);
}

std::string connack(bool session_present, mqtt::ConnectReturnCode code) {
  std::string bytes;
  mqtt::encode_connack(bytes, {session_present, code});
  return bytes;
}

std::string suback(mqtt::PacketId packet_id, const std::vector<std::uint8_t>& codes) {
  std::string bytes;
  mqtt::encode_suback(bytes, {packet_id, codes});
  return bytes;
}

std::string unsuback(mqtt::PacketId packet_id) {
  std::string bytes;
  mqtt::encode_packet_id(bytes, mqtt::PacketType::Unsuback, packet_id);
  return bytes;
}

// ---- SessionStoreTest

SessionStoreTest::SessionStoreTest() : document_(test::read_pipeline("filters: [{name: n, kind: Note}]")) {
  config_.node.threads = 1;
  config::ProxyConfig& proxy = config_.proxies.emplace_back();
  proxy.name = "p";
  proxy.listeners.at(0).endpoint = {"127.0.0.1", 0};
  proxy.pipelines.fill(0);
}

SessionStoreTest::~SessionStoreTest() {
  if (server_) stop();
  EXPECT_EQ(store_.seats(), 0U) << "not released";
}

void SessionStoreTest::start(std::chrono::milliseconds claim_timeout) {
  // The address is in the log, for tests as for anybody else.
  std::ostringstream log;
  auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(log);
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("start", sink));
  server_ = std::make_unique<Server>(std::make_shared<const config::Config>(config_), 10'000, metrics_);
  server_->set_store(&store_, claim_timeout);
  server_->start([this](unsigned) {
    pipeline::FilterRegistry kinds;
    kinds.add({"Note", {""}, [this](const auto&) { return std::make_unique<NotingFilter>(runs_, refuse_); }});
    std::vector<std::shared_ptr<pipeline::Pipeline>> pipelines;
    pipelines.push_back(pipeline::build(document_.pipeline, kinds));
    return pipelines;
  });
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("silent"));
  const std::string text = log.str();
  const std::size_t at = text.rfind("127.0.0.1:");
  ASSERT_NE(at, std::string::npos) << text;
  port_ = static_cast<std::uint16_t>(std::stoul(text.substr(at + std::string_view("127.0.0.1:").size())));
}

void SessionStoreTest::stop() {
  server_->stop_reading();
  server_->close_all();
  server_.reset();
}

Device SessionStoreTest::connected(cluster::Claimed claimed, std::string_view client_id) {
  const bool present = claimed.session_present;
  Device client = device();
  client.connect(client_id);
  seat_ = store_.expect(Call::Kind::Claim).seat;
  owner().on_claimed(seat_, std::move(claimed));
  EXPECT_EQ(client.packet(), connack(present));
  return client;
}

downlink::MessagePtr SessionStoreTest::message(std::int32_t partition, std::int64_t offset, std::string_view topic,
                                               mqtt::Qos qos) {
  downlink::Message message;
  message.proxy = "p";
  message.topic = topic;
  message.payload = std::to_string(partition) + "/" + std::to_string(offset);
  message.qos = qos;
  message.partition = partition;
  message.offset = offset;
  return std::make_shared<const downlink::Message>(std::move(message));
}

void SessionStoreTest::deliver(std::int32_t partition, std::int64_t offset, std::string_view topic, mqtt::Qos qos) {
  EXPECT_TRUE(server_->ports().front()->deliver(message(partition, offset, topic, qos)));
}

cluster::Progress SessionStoreTest::report() {
  owner().on_collect(++round_);
  Call call = store_.expect(Call::Kind::Report);
  EXPECT_EQ(call.round, round_);
  return std::move(call.progress);
}

void SessionStoreTest::lose(cluster::Seat seat, cluster::Loss loss) {
  store_.forget(seat);
  owner().on_lost(seat, loss);
}

bool SessionStoreTest::has_metric(std::string_view sample) const {
  return metrics_.serialize().find("\n" + std::string(sample) + "\n") != std::string::npos;
}

}  // namespace mqttproxy::net::testing
