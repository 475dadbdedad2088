// The records of the sessions topic: what nodes tell each other. Keys are text, values are JSON, so that kcat shows
// them; docs/CLUSTER.md describes both. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mqttproxy/cluster/session_store.hpp"

namespace mqttproxy::cluster {

/// Unique for ever: one life of one node, and a number in it.
struct LifeId {
  std::string incarnation;  // "NODE NAME:random hex"
  std::uint64_t number = 0;

  friend bool operator==(const LifeId&, const LifeId&) = default;
};

/// Who wrote a state or a checkpoint: the node that serves the client, or the one that looks after offline sessions.
enum class Role : std::uint8_t { Owner, Steward };

enum class Kind : char { Claim = 'c', State = 's', Checkpoint = 'k', Steward = 'w', Fence = 'f' };

/// One key per kind: compaction keeps the last of each.
struct Key {
  Kind kind = Kind::Claim;
  std::string name;         // claim, state: "PROXY/CLIENT ID"; checkpoint, fence: the incarnation; steward: empty
  Role role = Role::Owner;  // of a checkpoint

  friend bool operator==(const Key&, const Key&) = default;
};

/// From now on this node serves the client. The last one of a client id wins – unless another node has claimed it since
/// this one looked: a claim that was written late must not end a connection that came after its own.
struct Claim {
  LifeId id;
  std::int64_t as_of = -1;  // the last offset of the sessions partition that the writer had applied
  bool clean = true;
  bool deletion = false;  // by the API: there is no connection behind it
  std::int64_t expiry_seconds = 0;
  /// Written again, to be the last of its key once more: where it stands first, and whether the client is served still.
  std::int64_t first = -1;  // -1: here
  bool online = true;

  friend bool operator==(const Claim&, const Claim&) = default;
};

/// What a session is. Counts only while `claim` is the current one.
struct State {
  LifeId claim;
  Role role = Role::Owner;
  LifeId steward;            // with Role::Steward
  std::uint64_t number = 0;  // of the writer, to know its own again
  bool online = false;
  bool session = false;             // there is a persistent one; else the rest is empty
  std::int64_t expiry_seconds = 0;  // the claim's: its record may be gone
  Cut cut;

  friend bool operator==(const State&, const State&) = default;
};

/// Every session the writer is responsible for has its cut at `position`, except those that are behind and those whose
/// last hand-over is later than `as_of` (an offset of the sessions partition).
struct Checkpoint {
  Offsets position;
  std::int64_t as_of = -1;
  LifeId steward;  // with Role::Steward
  std::vector<std::string> behind;

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

/// From now on this node looks after the partition's offline sessions. The last one wins.
struct Steward {
  LifeId id;

  friend bool operator==(const Steward&, const Steward&) = default;
};

/// The incarnation in the key is taken for dead: its claims so far are void.
struct Fence {
  LifeId steward;

  friend bool operator==(const Fence&, const Fence&) = default;
};

/// The key's record may go.
struct Tombstone {
  LifeId steward;

  friend bool operator==(const Tombstone&, const Tombstone&) = default;
};

using Record = std::variant<Claim, State, Checkpoint, Steward, Fence, Tombstone>;

[[nodiscard]] std::string encode(const Key& key);
[[nodiscard]] std::optional<Key> decode_key(std::string_view text);

/// A tombstone has no value: its steward goes into a header, as encode(LifeId).
[[nodiscard]] std::string encode(const Record& record);
/// The record under a key of that kind; nullopt when the text is none.
[[nodiscard]] std::optional<Record> decode(Kind kind, std::string_view value);

/// What a text takes in a record at most.
[[nodiscard]] std::size_t written_bytes(std::string_view text) noexcept;

/// "INCARNATION#number".
[[nodiscard]] std::string encode(const LifeId& id);
[[nodiscard]] std::optional<LifeId> decode_life_id(std::string_view text);

/// The name in a client's keys.
[[nodiscard]] std::string client_name(std::string_view proxy, std::string_view client_id);
struct ClientName {
  std::string_view proxy;
  std::string_view client_id;
};
[[nodiscard]] ClientName split_client_name(std::string_view name) noexcept;
/// A name for a life that begins.
[[nodiscard]] std::string new_incarnation(std::string_view node);
/// The node's name in the name of an incarnation.
[[nodiscard]] std::string_view node_of(std::string_view incarnation) noexcept;

}  // namespace mqttproxy::cluster
