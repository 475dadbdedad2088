// Sessions come, wait and go while messages come, Kafka reads, and deletes: whatever the order, each one gets what it
// missed.
#include <algorithm>
#include <array>
#include <deque>
#include <iterator>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "mqttproxy/util/log.hpp"

#include "cluster/history.hpp"
#include "support.hpp"

namespace mqttproxy::cluster::test {
namespace {

constexpr std::int32_t kPartitions = 2;

/// Two partitions with gaps in their offsets.
class RandomHistory {
 public:
  explicit RandomHistory(std::uint32_t seed) : random_(seed) {
    for (std::int32_t p = 0; p < kPartitions; ++p) history_.begin(p, 0);
  }

  void step() {
    switch (below(9)) {
      case 0:
        return come();
      case 1:
        return leave();
      case 2:
      case 3:
        return publish();
      case 4:
        return static_cast<void>(history_.pump());
      case 5:
        return forget();
      default:
        return read();
    }
  }

  /// What is still to be done, and then whether everybody has got what he missed.
  void check() {
    for (int i = 0; i < 50; ++i) publish();
    for (int i = 0; i < 20'000 && history_.counters()[HistoryEvent::Waiting].get() != 0; ++i) {
      (void)history_.pump();
      read();
    }
    for (const Session& session : sessions_) check(session);
  }

 private:
  using Place = std::pair<std::int32_t, std::int64_t>;
  struct Read {
    kafka::OffsetRange range;
    std::int64_t at = -1;  // the next offset; -1: not begun
    std::int64_t oldest = 0;
  };
  struct Session {
    Recovery wanted;
    History::JobId job = 0;
    std::vector<Place> owed;   // got by reference …
    std::vector<Place> found;  // … and by searching
    int completed = 0;
    bool left = false;
  };

  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(random_()) % n; }
  std::map<std::int64_t, downlink::MessagePtr>& log(std::int32_t p) { return logs_.at(static_cast<std::size_t>(p)); }

  void publish() {
    const auto p = static_cast<std::int32_t>(below(kPartitions));
    const std::int64_t offset = offset_in(history_.position(), p) + (below(5) == 0 ? 3 : 0);
    const auto qos = below(5) == 0 ? mqtt::Qos::AtMostOnce : mqtt::Qos::AtLeastOnce;
    log(p)[offset] = message(p, offset, below(2) == 0 ? "a" : "b", qos);
    history_.add(log(p)[offset]);
  }

  void come() {
    Session& session = sessions_.emplace_back();
    session.wanted.filters = {{"a", mqtt::Qos::AtLeastOnce}};
    if (below(2) == 0) session.wanted.filters.push_back({"+", mqtt::Qos::AtLeastOnce});
    for (std::int32_t p = 0; p < kPartitions; ++p) {
      set_offset(session.wanted.to, p, offset_in(history_.position(), p) + below(3));
      set_offset(session.wanted.from, p, below(offset_in(session.wanted.to, p) + 1));
      for (const auto& [offset, each] : log(p)) {
        if (below(10) == 0) session.wanted.references.push_back({p, offset, 1});
      }
    }
    std::ranges::shuffle(session.wanted.references, random_);
    session.job = history_.recover("p", session.wanted, [&session](const std::vector<Recovered>& found, bool complete) {
      for (const Recovered& each : found) {
        EXPECT_TRUE(each.packet_id == 0 || session.found.empty()) << "references come first";
        (each.packet_id != 0 ? session.owed : session.found)
            .emplace_back(each.message->partition, each.message->offset);
      }
      if (complete) ++session.completed;
    });
  }

  void leave() {
    if (sessions_.empty() || below(4) != 0) return;
    Session& session = sessions_[static_cast<std::size_t>(below(static_cast<std::int64_t>(sessions_.size())))];
    if (session.completed != 0) return;
    history_.cancel(session.job);
    session.left = true;
  }

  /// Retention.
  void forget() {
    if (below(10) != 0) return;
    const auto p = static_cast<std::int32_t>(below(kPartitions));
    std::int64_t& deleted = deleted_.at(static_cast<std::size_t>(p));
    deleted = std::max(deleted, below(offset_in(history_.position(), p) + 1));
  }

  /// Some records of the oldest read that has not ended.
  void read() {
    if (reads_.empty()) return;
    Read& read = reads_.front();
    const kafka::OffsetRange range = read.range;
    if (read.at < 0) {
      read.oldest = std::max(range.from, deleted_.at(static_cast<std::size_t>(range.partition)));
      read.at = read.oldest;
    }
    const std::int64_t to = std::min(range.to, read.at + 1 + below(20));
    std::vector<PastMessage> messages;
    for (auto it = log(range.partition).lower_bound(read.at); it != log(range.partition).end() && it->first < to;
         ++it) {
      messages.push_back({it->first, it->second});
    }
    read.at = to;
    if (!messages.empty()) history_.on_range(range, messages);
    if (to < range.to) return;
    const std::int64_t oldest = read.oldest;
    reads_.pop_front();
    history_.on_range_end(range, oldest);
  }

  void check(const Session& session) {
    if (session.left) return;
    EXPECT_EQ(session.completed, 1);
    std::vector<Place> owed;
    for (const Reference& each : session.wanted.references) owed.emplace_back(each.partition, each.offset);
    check(session.owed, owed);
    for (std::int32_t p = 0; p < kPartitions; ++p) {
      std::vector<Place> missed;
      for (const auto& [offset, each] : log(p)) {
        if (offset < offset_in(session.wanted.from, p) || offset >= offset_in(session.wanted.to, p)) continue;
        if (each->qos == mqtt::Qos::AtMostOnce) continue;
        if (each->topic == "a" || session.wanted.filters.size() == 2) missed.emplace_back(p, offset);
      }
      std::vector<Place> found;
      std::ranges::copy_if(session.found, std::back_inserter(found),
                           [p](const Place& each) { return each.first == p; });
      check(found, missed);
    }
  }

  /// In order and once; what is deleted may be missing.
  void check(const std::vector<Place>& got, const std::vector<Place>& wanted) {
    auto next = got.begin();
    for (const Place& each : wanted) {
      if (next != got.end() && *next == each) {
        ++next;
      } else {
        EXPECT_LT(each.second, deleted_.at(static_cast<std::size_t>(each.first)));
      }
    }
    EXPECT_EQ(next, got.end());
  }

  std::mt19937 random_;
  std::array<std::map<std::int64_t, downlink::MessagePtr>, kPartitions> logs_;
  std::array<std::int64_t, kPartitions> deleted_{};  // what is below
  std::deque<Read> reads_;
  std::deque<Session> sessions_;
  History history_{10 * sizeof(downlink::Message),
                   [this](const kafka::OffsetRange& range) { reads_.push_back({range}); }};
};

TEST(HistoryRandom, each_session_gets_what_it_missed) {
  const auto level = spdlog::get_level();
  spdlog::set_level(spdlog::level::err);  // what is deleted is a warning each time
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    RandomHistory world(seed);
    for (int i = 0; i < 400; ++i) world.step();
    world.check();
    if (::testing::Test::HasFailure()) break;
  }
  spdlog::set_level(level);
}

}  // namespace
}  // namespace mqttproxy::cluster::test
