// What a reader knows of one partition of the sessions topic: a pure function of its records, the same on every node.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mqttproxy/util/sip_hash.hpp"

#include "records.hpp"

namespace mqttproxy::cluster {

/// Names of incarnations as numbers, for all partitions of a node: a name is stored once.
class Incarnations {
 public:
  [[nodiscard]] std::uint32_t number(std::string_view name);
  [[nodiscard]] const std::string& name(std::uint32_t number) const noexcept { return *names_[number]; }

 private:
  std::map<std::string, std::uint32_t, std::less<>> numbers_;
  std::vector<const std::string*> names_;
};

/// One client id.
struct Entry {
  static constexpr std::uint32_t kNobody = UINT32_MAX;

  std::uint32_t incarnation = kNobody;  // of the current claim
  bool online = false;                  // its owner serves the client
  bool session = false;                 // there is a persistent session
  bool clean = true;                    // the claim was for a clean one, or the session is over
  bool claim_spoiled = false;           // the last claim is one that does not count
  bool spoiled = false;                 // the last state is one that does not count
  bool known = false;                   // the claim was read; else compaction has removed it, with others after it
  std::uint64_t claim = 0;
  std::int64_t claimed = -1;   // offset of the current claim, when it is known
  std::int64_t handover = -1;  // offset of what last changed who is responsible
  std::int64_t state = -1;     // offset of the last state that counts
  std::int64_t used = -1;      // … of an owner, or of the last claim that is not for a clean session
  std::int64_t expiry_seconds = 0;
  std::chrono::system_clock::time_point since{};  // time of that hand-over, or of the session's end after it

  std::shared_ptr<const Offsets> from;  // without checkpoints later than the state; nullptr: none
  std::string filters;                  // packed
  std::string references;               // likewise
};

/// Owner: one thread.
class View {
 public:
  /// `incarnations` must outlive it. `hash`: a secret one, except where runs must be alike.
  explicit View(Incarnations& incarnations, const util::SipHash& hash = util::SipHash())
      : incarnations_(incarnations), entries_(0, hash) {}

  /// False: every reader ignores the record. Offsets ascend.
  bool apply(std::int64_t offset, std::chrono::system_clock::time_point time, const Key& key, const Record& record);

  [[nodiscard]] const Entry* find(std::string_view client) const;
  using Entries = std::unordered_map<std::string, Entry, util::SipHash>;
  [[nodiscard]] const Entries& entries() const noexcept { return entries_; }
  /// What the session of an entry is by now. Empty when there is none.
  [[nodiscard]] Cut cut(std::string_view client, const Entry& entry) const;
  [[nodiscard]] LifeId claim(const Entry& entry) const;

  [[nodiscard]] const std::optional<LifeId>& steward() const noexcept { return steward_; }
  /// Incarnations whose last fence is one that does not count.
  [[nodiscard]] std::vector<std::uint32_t> spoiled_fences() const;
  /// Checkpoints and fences of incarnations that are over, last written before `time`, which say nothing any more to
  /// whoever reads them: with or without them every session's cut is the same. All that are old, or none.
  [[nodiscard]] std::vector<Key> spent(std::chrono::system_clock::time_point time) const;
  /// Clients by the incarnation that serves them; none with 0.
  [[nodiscard]] const std::map<std::uint32_t, std::size_t>& online() const noexcept { return online_; }
  [[nodiscard]] std::size_t sessions() const noexcept { return sessions_; }
  /// Offset of the last record applied, -1 before the first.
  [[nodiscard]] std::int64_t as_of() const noexcept { return as_of_; }
  /// … and its time.
  [[nodiscard]] std::chrono::system_clock::time_point time() const noexcept { return time_; }

 private:
  struct Mark {  // a checkpoint
    std::chrono::system_clock::time_point time{};
    std::int64_t offset = -1;
    std::int64_t as_of = -1;
    std::shared_ptr<const Offsets> position;
    std::vector<std::string> behind;  // sorted
  };
  using Marks = std::map<std::uint32_t, Mark>;  // by incarnation; the last of each
  struct FenceMark {
    std::chrono::system_clock::time_point time{};
    std::int64_t offset = -1;
    bool counts = false;
  };

  bool apply_claim(std::int64_t offset, const std::string& client, const Claim& claim);
  bool apply_state(std::int64_t offset, const std::string& client, const State& state);
  bool apply_checkpoint(std::int64_t offset, const Key& key, const Checkpoint& checkpoint);
  bool apply_fence(std::int64_t offset, const Key& key, const Fence& fence);
  bool apply_tombstone(const Key& key, const Tombstone& tombstone);
  [[nodiscard]] bool is_steward(const LifeId& id) const { return !steward_ || *steward_ == id; }
  [[nodiscard]] static bool counts(const Mark& mark, std::string_view client, const Entry& entry);
  [[nodiscard]] std::shared_ptr<const Offsets> from(std::string_view client, const Entry& entry) const;
  [[nodiscard]] const Mark* responsible(const Entry& entry) const;
  [[nodiscard]] bool all_beyond(std::int64_t offset, const Offsets& position) const;
  void hand_over(Entry& entry, std::int64_t offset);
  void set_online(Entry& entry, bool online);
  void set_session(Entry& entry, bool session);

  Incarnations& incarnations_;
  Entries entries_;
  std::optional<LifeId> steward_;
  Marks owner_marks_;
  Marks steward_marks_;  // those that counted
  std::map<std::uint32_t, std::size_t> online_;
  std::map<std::uint32_t, FenceMark> fences_;
  std::size_t sessions_ = 0;
  std::int64_t as_of_ = -1;
  std::chrono::system_clock::time_point time_{};  // of the last record applied
};

}  // namespace mqttproxy::cluster
