// The input says how connections answer and how a full queue does, then lists events, each a letter and what it needs:
// clients come, send valid packets or any bytes, read, acknowledge and vanish; records are stored or fail; messages
// for devices arrive; sessions are deleted and expire. No event may break what session_world.hpp requires.
#include <cstdint>
#include <string_view>

#include "session_world.hpp"

namespace {

using namespace mqttproxy;
using namespace mqttproxy::fuzz;

constexpr std::array<std::string_view, 3> kClients = {"a", "b", "c"};
constexpr std::array<std::string_view, 8> kFilterTexts = {"a", "a/b", "a/+", "a/#", "#", "+/b", "$S/#", "a/b/c/d/e"};
constexpr std::array<std::string_view, 4> kTopics = {"a", "a/b", "a/c", "$S/x"};

/// What is left of the input; 0 and nothing at its end.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  [[nodiscard]] bool done() const noexcept { return rest_.empty(); }
  std::uint8_t byte() noexcept { return static_cast<std::uint8_t>(take(1).empty() ? 0 : last_); }
  std::string_view take(std::size_t count) noexcept {
    const std::string_view taken = rest_.substr(0, std::min(count, rest_.size()));
    rest_.remove_prefix(taken.size());
    if (!taken.empty()) last_ = taken.back();
    return taken;
  }
  template <class Choices>
  auto pick(const Choices& choices) noexcept {
    return choices[byte() % choices.size()];
  }
  Qos qos() noexcept { return static_cast<Qos>(byte() % 3); }
  PacketId packet_id() noexcept { return static_cast<PacketId>(1 + byte() % 6); }

 private:
  std::string_view rest_;
  char last_ = 0;
};

std::string connect(Input& input) {
  mqtt::Connect packet;
  packet.client_id = input.pick(kClients);
  const std::uint8_t flags = input.byte();
  packet.clean_session = flags % 2 != 0;
  if (flags % 4 >= 2) packet.will = mqtt::Will{"w", "gone", Qos::AtLeastOnce, false};
  std::string bytes;
  mqtt::encode_connect(bytes, packet);
  return bytes;
}

std::string subscribe(Input& input) {
  mqtt::Subscribe packet{input.packet_id(), {}};
  for (int i = 0; i < 2; ++i) packet.requests.push_back({input.pick(kFilterTexts), input.qos(), false});
  std::string bytes;
  mqtt::encode_subscribe(bytes, packet);
  return bytes;
}

std::string unsubscribe(Input& input) {
  std::string bytes;
  mqtt::encode_unsubscribe(bytes, {input.packet_id(), {input.pick(kFilterTexts)}});
  return bytes;
}

std::string publish(Input& input) {
  const Qos qos = input.qos();
  const PacketId packet_id = qos == Qos::AtMostOnce ? PacketId{0} : input.packet_id();
  std::string bytes;
  mqtt::encode_publish(bytes, {.topic = "t", .payload = "p", .packet_id = packet_id, .qos = qos});
  return bytes;
}

std::string with_id(PacketType type, PacketId packet_id) {
  std::string bytes;
  mqtt::encode_packet_id(bytes, type, packet_id);
  return bytes;
}

/// One of what the client has not acknowledged.
std::string acknowledge(Line& line, Input& input) {
  const std::uint8_t index = input.byte();
  if (line.client() == nullptr || line.client()->unacknowledged.empty()) return {};
  const auto& unacknowledged = line.client()->unacknowledged;
  return with_id(PacketType::Puback, unacknowledged[index % unacknowledged.size()].packet_id);
}

void event(World& world, Input& input) {
  const std::uint8_t what = input.byte();
  Line& line = world.line(input.byte());
  switch (what) {
    case 'c':
      return line.send(connect(input));
    case 's':
      return line.send(subscribe(input));
    case 'u':
      return line.send(unsubscribe(input));
    case 'p':
      return line.send(publish(input));
    case 'l':
      return line.send(with_id(PacketType::Pubrel, input.packet_id()));
    case 'a':
      return line.send(acknowledge(line, input));
    case 'i':
      return line.send(std::string("\xC0\x00", 2));
    case 'q':
      return line.send(std::string("\xE0\x00", 2));
    case 'r':
      return line.send(input.take(input.byte() % 64));
    case 'w':
      return line.answer(static_cast<Line::Answer>(input.byte() % 4));
    case 'f':
      return line.flush(input.byte() % 8);
    case 'x':
      return line.online() ? line.end(CloseCause::ConnectionLost) : void();
    case 'd': {
      const std::string_view topic = input.pick(kTopics);
      const Qos qos = input.byte() % 2 != 0 ? Qos::AtLeastOnce : Qos::AtMostOnce;
      return world.deliver(topic, qos, input.byte());
    }
    case 'k':
      return world.report(input.byte(), true);
    case 'n':
      return world.report(input.byte(), false);
    case 'D':
      return world.remove(input.pick(kClients));
    case 'e':
      return world.expire();
    default:
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  World world(input.byte() % 2 != 0);
  while (!input.done()) {
    event(world, input);
    world.check();
  }
  world.finish();
  return 0;
}
