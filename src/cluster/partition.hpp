// The protocol in one partition of the sessions topic, as one node takes part in it: claims of its connections, and the
// care for offline sessions while it is the partition's steward. Knows no Kafka and no thread: records go in and out.
// docs/CLUSTER.md has the rules and what goes wrong without each.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mqttproxy/cluster/session_store.hpp"

#include "view.hpp"

namespace mqttproxy::cluster {

/// What a partition wants done. Called from within its calls.
class Effects {
 public:
  virtual ~Effects() = default;
  /// Appends to the sessions partition, in the order of the calls.
  virtual void write(std::int32_t partition, const Key& key, const Record& record) = 0;
  virtual void claimed(Seat seat, Claimed claimed) = 0;
  virtual void stored(Seat seat, std::uint64_t token) = 0;
  virtual void lost(Seat seat, Loss loss) = 0;
  /// This node looks after the offline session from now on: collect what it misses.
  virtual void adopt(std::int32_t partition, const std::string& client, LifeId claim, Cut cut) = 0;
  /// … and no longer.
  virtual void drop(std::int32_t partition, const std::string& client) = 0;
  virtual void drop_all(std::int32_t partition) = 0;
  [[nodiscard]] virtual bool adopted(std::int32_t partition, const std::string& client) = 0;
  /// What was collected for an adopted session.
  [[nodiscard]] virtual Cut collected(std::int32_t partition, const std::string& client) = 0;
};

/// One life of this node.
struct Life {
  std::string incarnation;
  std::uint64_t next_number = 1;

  [[nodiscard]] LifeId next() { return {incarnation, next_number++}; }
};

/// Owner: one thread.
class Partition {
 public:
  using Clock = std::chrono::steady_clock;

  /// All must outlive it; the life may become another one between calls (see restart()). `hash`: as of a View.
  Partition(std::int32_t number, Life& life, Incarnations& incarnations, Effects& effects,
            const util::SipHash& hash = util::SipHash())
      : number_(number), life_(life), incarnations_(incarnations), effects_(effects), view_(incarnations, hash) {}

  // From the log.
  /// Nothing is claimed and nobody is served before the log has been read up to `end`.
  void begin(std::int64_t first, std::int64_t end);
  /// False: the record does not count.
  bool apply(std::int64_t offset, std::chrono::system_clock::time_point time, const Key& key, const Record& record,
             Clock::time_point now);
  /// There is no record before `next` that was not applied; also for records that are none of ours.
  void read_up_to(std::int64_t next);

  // From workers.
  void claim(Seat seat, const ClaimRequest& request);
  void release(Seat seat, const std::string& client, std::optional<Cut> cut);
  void store(Seat seat, const std::string& client, Cut cut, std::uint64_t token);
  /// Wipes the session and ends whatever connection serves it, on whichever node. What comes in between – the client
  /// that connects again, a fence – makes it begin again, for ten seconds.
  void remove(const std::string& client, Clock::time_point now);
  /// A remove() of it is under way.
  [[nodiscard]] bool removing(const std::string& client) const;
  /// Those that are to begin, or to begin again: since when.
  [[nodiscard]] const std::map<std::string, Clock::time_point>& removals() const noexcept { return removals_; }

  // Checkpoints. as_of() is taken before the workers are asked for what they have to say.
  [[nodiscard]] std::int64_t as_of() const noexcept { return view_.as_of(); }
  void write_changed(Seat seat, Cut cut);
  /// With more clients behind than a record has room for it is the last one that is written again.
  void write_owner_checkpoint(const Offsets& position, std::int64_t as_of, std::vector<std::string> behind);
  /// What it says goes on to be true.
  void repeat_owner_checkpoint();
  void write_steward_state(const std::string& client, const LifeId& claim, Cut cut);
  /// Nothing, when this node is not the steward `steward` any more, or with too many behind.
  void write_steward_checkpoint(const LifeId& steward, const Offsets& position, std::int64_t as_of,
                                std::vector<std::string> behind);

  // Stewardship.
  /// Once a second.
  void tick(Clock::time_point now);
  /// Whether Kafka's consumer group has assigned the partition to this node.
  void assign(bool assigned, Clock::time_point now);
  /// As which steward this node acts; nullopt when it does not.
  [[nodiscard]] std::optional<LifeId> stewarding() const { return active_ ? written_ : std::nullopt; }
  /// Ends sessions whose time has come, buries what has been over for an hour, lives of nodes too; some at a time. The
  /// time is that of the last record, which a node that is alive has written a moment ago: one clock for all. Returns
  /// how many sessions ended.
  std::size_t expire();

  /// The node's life has become another one: everything claimed by the old one is given up.
  void restart();

  [[nodiscard]] bool loaded() const noexcept { return begun_ && next_ >= end_; }
  /// Of the records there were at the start: how many offsets are still to be read, and of how many.
  [[nodiscard]] std::int64_t to_load() const noexcept { return begun_ ? std::max<std::int64_t>(end_ - next_, 0) : 0; }
  [[nodiscard]] std::int64_t load_size() const noexcept { return end_ - first_; }
  /// The offset that is read next.
  [[nodiscard]] std::int64_t next() const noexcept { return next_; }
  [[nodiscard]] const View& view() const noexcept { return view_; }
  [[nodiscard]] std::size_t claims() const noexcept { return claims_.size(); }

 private:
  /// A node whose own checkpoint was read back within this time is at the log's end.
  static constexpr std::chrono::seconds kUpToDate{3};

  struct Mine {  // a claim of this life that has a connection (or a deletion) behind it
    Seat seat;
    std::string client;
    bool clean = true;
    bool deletion = false;
    bool live = false;  // claimed() was called
    std::int64_t expiry_seconds = 0;
    Clock::time_point read_at{};                     // when CONNECT was read, or the deletion was asked for
    std::int64_t seen = -1;                          // as_of when CONNECT was read
    std::int64_t offset = -1;                        // where it was read back; -1: not yet
    std::uint64_t wipe = 0;                          // number of the state that wipes the session before it goes live
    std::uint32_t unread = 0;                        // states written and not read back
    std::map<std::uint64_t, std::uint64_t> waiting;  // number of a state → token of a store()
  };
  using Number = std::uint64_t;

  /// What a client's entry was before a claim.
  struct Before {
    bool persistent = false;  // there was a session, be it an empty one
    bool ours = false;        // served by this life
  };
  void read_claim(std::int64_t offset, const std::string& client, const Claim& claim, const Before& before,
                  Clock::time_point now);
  void read_late_claim(const std::string& client, const Claim& claim, Clock::time_point now);
  void read_state(const std::string& client, const State& state, bool counts);
  void read_steward(const Steward& steward);
  void read_fence(std::int64_t offset, const std::string& incarnation);
  void lift_fences();
  void repair(const std::string& client);

  void claim(Mine mine);
  void write_claim_again(const std::string& client, const Entry& entry);
  Number write_state(const LifeId& claim, const std::string& client, bool online, bool session, Cut cut,
                     Role role = Role::Owner);
  void settle_claim(Number number, std::int64_t offset, const Before& before, Clock::time_point now);
  void go_live(Mine& mine, const Before& before);
  void release_claim(const std::string& client, const LifeId& claim);
  void end(Number number, std::optional<Loss> loss);
  void remove_waiting(Clock::time_point now);
  void forget(Number number);
  void become_steward();
  void fence_silent(Clock::time_point now);
  void stop_stewarding();
  void adopt(const std::string& client, const Entry& entry);
  void adopt_all();
  void start_waiting();
  [[nodiscard]] std::vector<Number> numbers_of(const std::string& client) const;
  [[nodiscard]] Number number_of(Seat seat) const;

  const std::int32_t number_;
  Life& life_;
  Incarnations& incarnations_;
  Effects& effects_;
  View view_;

  bool begun_ = false;
  std::int64_t first_ = 0;
  std::int64_t next_ = 0;
  std::int64_t end_ = 0;

  std::map<Number, Mine> claims_;
  std::map<Seat, Number> seats_;
  std::unordered_multimap<std::string, Number> by_client_;
  Checkpoint last_checkpoint_;                          // as an owner
  std::vector<std::pair<Seat, ClaimRequest>> waiting_;  // until the log is read
  std::map<std::string, Clock::time_point> removals_;   // to be begun, or begun again; since when

  bool assigned_ = false;
  Clock::time_point unassigned_{};  // since when it is not
  bool active_ = false;
  std::optional<LifeId> written_;                     // the steward record written last
  std::map<std::uint32_t, Clock::time_point> heard_;  // last checkpoint of an incarnation, or first claim
  std::set<std::uint32_t> fencing_;                   // a fence is on its way
  std::set<std::string> ending_;                      // their sessions' end is, as their time has come
  Clock::time_point own_checkpoint_{};                // read back last …
  Clock::time_point up_to_date_since_{};              // … and since when they come back one after the other
};

}  // namespace mqttproxy::cluster
