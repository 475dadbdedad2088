// A connection's side of the session store, from claim() until its seat is released or lost.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "mqttproxy/cluster/session_store.hpp"
#include "mqttproxy/session/session.hpp"

namespace mqttproxy::net {

/// Owner: the connection, one worker's thread. What is asked about a session is asked about one with a StoredSession.
class Seated {
 public:
  explicit Seated(bool is_persistent) : persistent(is_persistent) {}

  /// Of the subscriptions, by the packet at the front of what was received.
  enum class Change : std::uint8_t {
    None,
    Storing,  // made here, on its way into the store
    Stored,   // to be answered
  };

  const bool persistent;  // not a clean session
  bool late = false;      // the store has not answered the claim in time
  Change change = Change::None;
  std::uint64_t token = 0;                    // of the last change
  std::vector<std::uint8_t> return_codes;     // of the SUBSCRIBE that made it
  std::unique_ptr<cluster::Claimed> claimed;  // until the session is made of it

  /// What the store knows to be owed to the session, and is to be recovered when `missed`.
  void take_up(const std::vector<cluster::Reference>& references, bool missed);
  /// A message of the recovery is here. Unknown ones are new: they are found by the session's filters.
  void arrived(session::Position position);
  /// The recovery is complete; what has not come is gone.
  void recovered();

  /// All that the session is, `now` being the worker's position. It counts as stored from here on.
  [[nodiscard]] cluster::Cut cut(const session::Registry& registry, const session::Session& session,
                                 const cluster::Offsets& now);
  /// Adds what the store has to know of the session at progress.position. False: nothing, until there is a message for
  /// it.
  bool report(const session::Registry& registry, const session::Session& session, cluster::Seat seat,
              const cluster::Offsets& now, cluster::Progress& progress);

 private:
  [[nodiscard]] std::vector<cluster::Reference> owed(const session::Session& session) const;
  /// Whether what is stored does not hold at `position`.
  [[nodiscard]] bool is_outdated(const std::vector<cluster::Reference>& sorted, const cluster::Offsets& position) const;

  std::vector<cluster::Reference> stored_;   // as the store knows them, sorted
  std::vector<cluster::Reference> missing_;  // of a recovery: not here yet; the next one last
  std::uint32_t version_ = 0;                // of the outbox, when it was last compared with stored_
  bool equal_ = false;                       // they were the same then
};

}  // namespace mqttproxy::net
