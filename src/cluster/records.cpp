#include "records.hpp"

#include <charconv>
#include <random>
#include <utility>

#include <nlohmann/json.hpp>

#include "mqttproxy/mqtt/topic.hpp"

namespace mqttproxy::cluster {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxLevels = 65'535;
constexpr std::int64_t kMaxPartitions = 100'000;    // of the downlink topic: memory is taken for each up to the highest
constexpr std::int64_t kMaxExpiry = 4'000'000'000;  // seconds: more of them are no time of the system's clock
constexpr std::string_view kOwner = "owner";
constexpr std::string_view kSteward = "steward";

/// Thrown by the readers below for what is no record, caught in decode().
struct Malformed {};

const Json& member(const Json& object, const char* name) {
  const auto it = object.find(name);
  if (it == object.end()) throw Malformed{};
  return *it;
}

std::int64_t integer(const Json& value, std::int64_t min, std::int64_t max) {
  if (!value.is_number_integer()) throw Malformed{};
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) throw Malformed{};
  const auto number = value.get<std::int64_t>();
  if (number < min || number > max) throw Malformed{};
  return number;
}

std::string text(const Json& value) {
  if (!value.is_string()) throw Malformed{};
  return value.get<std::string>();
}

bool flag(const Json& object, const char* name) {
  const Json& value = member(object, name);
  if (!value.is_boolean()) throw Malformed{};
  return value.get<bool>();
}

LifeId life_id(const Json& object, const char* name) {
  auto id = decode_life_id(text(member(object, name)));
  if (!id) throw Malformed{};
  return std::move(*id);
}

const Json& array(const Json& value) {
  if (!value.is_array()) throw Malformed{};
  return value;
}

Offsets offsets(const Json& value) {
  Offsets read;
  if (array(value).size() > kMaxPartitions) throw Malformed{};
  for (const Json& offset : value) read.push_back(integer(offset, 0, INT64_MAX));
  return read;
}

Role role(const Json& object) {
  const std::string name = text(member(object, "role"));
  if (name != kOwner && name != kSteward) throw Malformed{};
  return name == kOwner ? Role::Owner : Role::Steward;
}

std::string_view role_text(Role role) noexcept {
  return role == Role::Owner ? kOwner : kSteward;
}

Reference reference(const Json& value) {
  if (array(value).size() < 2 || value.size() > 3) throw Malformed{};
  Reference read;
  read.partition = static_cast<std::int32_t>(integer(value[0], 0, kMaxPartitions - 1));
  read.offset = integer(value[1], 0, INT64_MAX);
  if (value.size() == 3) read.packet_id = static_cast<mqtt::PacketId>(integer(value[2], 1, UINT16_MAX));
  return read;
}

Cut cut(const Json& object) {
  Cut read;
  const Json& filters = member(object, "filters");
  if (!filters.is_object()) throw Malformed{};
  for (const auto& [filter, granted] : filters.items()) {
    if (!mqtt::is_mqtt_utf8(filter) || !mqtt::is_topic_filter(filter, kMaxLevels)) throw Malformed{};
    read.filters.push_back({filter, static_cast<mqtt::Qos>(integer(granted, 0, 1))});
  }
  for (const Json& owed : array(member(object, "owed"))) read.references.push_back(reference(owed));
  read.from = offsets(member(object, "from"));
  return read;
}

void write(Json& object, const Cut& cut) {
  Json filters = Json::object();
  for (const Filter& filter : cut.filters) filters[filter.text] = static_cast<int>(filter.granted);
  object["filters"] = std::move(filters);
  Json owed = Json::array();
  for (const Reference& each : cut.references) {
    Json one = Json::array({each.partition, each.offset});
    if (each.packet_id != 0) one.push_back(each.packet_id);
    owed.push_back(std::move(one));
  }
  object["owed"] = std::move(owed);
  object["from"] = cut.from;
}

Json to_json(const Claim& claim) {
  Json object = {
      {"claim", encode(claim.id)}, {"asOf", claim.as_of}, {"clean", claim.clean}, {"expiry", claim.expiry_seconds}};
  if (claim.deletion) object["deletion"] = true;
  if (claim.first >= 0) {
    object["first"] = claim.first;
    object["online"] = claim.online;
  }
  return object;
}

Json to_json(const State& state) {
  Json object = {{"claim", encode(state.claim)},
                 {"role", role_text(state.role)},
                 {"number", state.number},
                 {"online", state.online},
                 {"session", state.session}};
  if (state.role == Role::Steward) object["steward"] = encode(state.steward);
  if (state.session) {
    object["expiry"] = state.expiry_seconds;
    write(object, state.cut);
  }
  return object;
}

Json to_json(const Checkpoint& checkpoint) {
  Json object = {{"position", checkpoint.position}, {"asOf", checkpoint.as_of}};
  if (!checkpoint.steward.incarnation.empty()) object["steward"] = encode(checkpoint.steward);
  if (!checkpoint.behind.empty()) object["behind"] = checkpoint.behind;
  return object;
}

Json to_json(const Steward& steward) {
  return {{"steward", encode(steward.id)}};
}

Json to_json(const Fence& fence) {
  return {{"steward", encode(fence.steward)}};
}

Json to_json(const Tombstone&) {
  return Json::object();
}

Claim read_claim(const Json& object) {
  Claim claim;
  claim.id = life_id(object, "claim");
  claim.as_of = integer(member(object, "asOf"), -1, INT64_MAX);
  claim.clean = flag(object, "clean");
  claim.expiry_seconds = integer(member(object, "expiry"), 0, kMaxExpiry);
  claim.deletion = object.contains("deletion") && flag(object, "deletion");
  if (object.contains("first")) {
    claim.first = integer(object["first"], 0, INT64_MAX);
    claim.online = flag(object, "online");
  }
  return claim;
}

State read_state(const Json& object) {
  State state;
  state.claim = life_id(object, "claim");
  state.role = role(object);
  if (state.role == Role::Steward) state.steward = life_id(object, "steward");
  state.number = static_cast<std::uint64_t>(integer(member(object, "number"), 0, INT64_MAX));
  state.online = flag(object, "online");
  state.session = flag(object, "session");
  if (state.session) {
    state.expiry_seconds = integer(member(object, "expiry"), 0, kMaxExpiry);
    state.cut = cut(object);
  }
  return state;
}

Checkpoint read_checkpoint(const Json& object) {
  Checkpoint checkpoint;
  checkpoint.position = offsets(member(object, "position"));
  checkpoint.as_of = integer(member(object, "asOf"), -1, INT64_MAX);
  if (object.contains("steward")) checkpoint.steward = life_id(object, "steward");
  if (object.contains("behind")) {
    for (const Json& name : array(object["behind"])) checkpoint.behind.push_back(text(name));
  }
  return checkpoint;
}

Record read(Kind kind, const Json& object) {
  switch (kind) {
    case Kind::Claim:
      return read_claim(object);
    case Kind::State:
      return read_state(object);
    case Kind::Checkpoint:
      return read_checkpoint(object);
    case Kind::Steward:
      return Steward{life_id(object, "steward")};
    case Kind::Fence:
      return Fence{life_id(object, "steward")};
  }
  throw Malformed{};
}

}  // namespace

std::string encode(const Key& key) {
  std::string encoded{static_cast<char>(key.kind), '/'};
  encoded += key.kind == Kind::Steward ? std::string_view("steward") : std::string_view(key.name);
  if (key.kind == Kind::Checkpoint) encoded.append("/").append(role_text(key.role));
  return encoded;
}

std::optional<Key> decode_key(std::string_view text) {
  if (text.size() < 3 || text[1] != '/') return std::nullopt;
  Key key;
  std::string_view name = text.substr(2);
  switch (text[0]) {
    case 'c':
    case 's':
      if (name.find('/') == std::string_view::npos) return std::nullopt;
      break;
    case 'k': {
      const auto slash = name.rfind('/');
      if (slash == std::string_view::npos) return std::nullopt;
      const std::string_view role = name.substr(slash + 1);
      if (role != kOwner && role != kSteward) return std::nullopt;
      key.role = role == kOwner ? Role::Owner : Role::Steward;
      name = name.substr(0, slash);
      break;
    }
    case 'w':
      if (name != kSteward) return std::nullopt;
      name = {};
      break;
    case 'f':
      break;
    default:
      return std::nullopt;
  }
  key.kind = static_cast<Kind>(text[0]);
  key.name = name;
  return key;
}

std::string encode(const Record& record) {
  // What is no UTF-8 cannot come from MQTT; should it, replacing it is better than an exception on this thread.
  return std::visit([](const auto& value) { return to_json(value); }, record)
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<Record> decode(Kind kind, std::string_view value) {
  const Json object = Json::parse(value, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  try {
    return read(kind, object);
  } catch (const Malformed&) {
    return std::nullopt;
  }
}

std::size_t written_bytes(std::string_view text) noexcept {
  std::size_t bytes = 8;
  for (const char c : text) bytes += static_cast<unsigned char>(c) < 0x20 ? 6U : (c == '"' || c == '\\') ? 2U : 1U;
  return bytes;
}

std::string encode(const LifeId& id) {
  return id.incarnation + '#' + std::to_string(id.number);
}

std::optional<LifeId> decode_life_id(std::string_view text) {
  const auto hash = text.rfind('#');
  if (hash == std::string_view::npos || hash == 0) return std::nullopt;
  LifeId id{std::string(text.substr(0, hash)), 0};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + hash + 1, end, id.number);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return id;
}

std::string client_name(std::string_view proxy, std::string_view client_id) {
  std::string name;
  name.reserve(proxy.size() + 1 + client_id.size());
  return name.append(proxy).append("/").append(client_id);
}

ClientName split_client_name(std::string_view name) noexcept {
  const auto slash = name.find('/');  // names of proxies have none
  if (slash == std::string_view::npos) return {name, {}};
  return {name.substr(0, slash), name.substr(slash + 1)};
}

std::string new_incarnation(std::string_view node) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::random_device random;
  std::string name(node);
  name += ':';
  for (int i = 0; i < 16; ++i) name += kDigits[random() % kDigits.size()];
  return name;
}

std::string_view node_of(std::string_view incarnation) noexcept {
  return incarnation.substr(0, incarnation.rfind(':'));
}

}  // namespace mqttproxy::cluster
