#include "cluster/history.hpp"

#include <array>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support.hpp"

namespace mqttproxy::cluster::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

/// The downlink topic is scripted: what Kafka is asked to read is noted, and answered by hand.
class HistoryTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kOne = 1;  // byte: keeps the latest message alone
  static constexpr std::size_t kPlenty = 1U << 20U;

  std::unique_ptr<History> history;
  std::vector<kafka::OffsetRange> reads;
  std::vector<std::string> got;  // "partition:offset", with "#id" for a packet id; "end"

  void begin(std::size_t memory_bytes, std::vector<std::int64_t> offsets = {0}) {
    history =
        std::make_unique<History>(memory_bytes, [this](const kafka::OffsetRange& read) { reads.push_back(read); });
    for (std::size_t p = 0; p < offsets.size(); ++p) history->begin(static_cast<std::int32_t>(p), offsets[p]);
  }
  void add(std::int64_t from, std::int64_t to, std::int32_t partition = 0) {
    for (std::int64_t offset = from; offset < to; ++offset) history->add(message(partition, offset));
  }
  History::JobId recover(Recovery recovery) {
    return history->recover("p", recovery, [this](const std::vector<Recovered>& messages, bool complete) {
      for (const Recovered& found : messages) {
        got.push_back(std::to_string(found.message->partition) + ":" + std::to_string(found.message->offset) +
                      (found.packet_id == 0 ? "" : "#" + std::to_string(found.packet_id)));
      }
      if (complete) got.emplace_back("end");
    });
  }
  /// Of what matches "a".
  History::JobId scan(Offsets from, Offsets to) { return recover(search(std::move(from), std::move(to))); }
  void pump() {
    while (history->pump()) {
    }
  }
  /// Kafka brings [from, to) of the read under way.
  void bring(std::int64_t from, std::int64_t to) {
    std::vector<PastMessage> messages;
    for (std::int64_t offset = from; offset < to; ++offset) {
      messages.push_back({offset, message(reads.back().partition, offset)});
    }
    history->on_range(reads.back(), messages);
    pump();
  }
  void bring_end(std::int64_t oldest = 0) {
    history->on_range_end(reads.back(), oldest);
    pump();
  }
  /// Kafka has no record that anybody wants, and says so until `done`; how many reads that takes.
  std::size_t reads_until(const bool& done, std::size_t most = 10'000) {
    std::size_t served = 0;
    for (pump(); !done && served < most; ++served) bring_end();
    return served;
  }
  /// Sets `done` in the end.
  void watch(const Recovery& recovery, bool& done) {
    history->recover("p", recovery, [&done](const std::vector<Recovered>&, bool complete) { done = complete; });
  }
  static Recovery search(Offsets from, Offsets to) {
    return {{{"a", mqtt::Qos::AtLeastOnce}}, {}, std::move(from), std::move(to)};
  }
  [[nodiscard]] std::string last_read() const {
    return std::to_string(reads.back().partition) + ":" + std::to_string(reads.back().from) + "-" +
           std::to_string(reads.back().to);
  }
  [[nodiscard]] std::uint64_t count(HistoryEvent event) const { return history->counters()[event].get(); }
};

TEST_F(HistoryTest, the_latest_messages_are_in_memory) {
  begin(kPlenty, {5});
  add(5, 8);
  EXPECT_EQ(history->position(), Offsets{8});
  scan({5}, {8});
  pump();
  EXPECT_THAT(got, ElementsAre("0:5", "0:6", "0:7", "end"));
  EXPECT_THAT(reads, IsEmpty());
  EXPECT_EQ(count(HistoryEvent::Waiting), 0U);
}

TEST_F(HistoryTest, what_is_not_wanted_is_not_found) {
  begin(kPlenty);
  history->add(message(0, 0, "b"));
  history->add(message(0, 1, "a", mqtt::Qos::AtMostOnce));
  history->add(message(0, 2, "a", mqtt::Qos::AtLeastOnce, "other"));
  add(3, 6);
  scan({}, {5});
  recover({{{"a", mqtt::Qos::AtMostOnce}}, {}, {}, {5}});
  pump();
  EXPECT_THAT(got, ElementsAre("0:3", "0:4", "end", "end"));
}

TEST_F(HistoryTest, filters_that_overlap_find_a_message_once) {
  begin(kPlenty, {0, 0});
  add(0, 2, 0);
  add(0, 1, 1);
  recover(
      {{{"a", mqtt::Qos::AtLeastOnce}, {"+", mqtt::Qos::AtLeastOnce}, {"#", mqtt::Qos::AtMostOnce}}, {}, {}, {2, 1}});
  pump();
  EXPECT_THAT(got, ElementsAre("0:0", "0:1", "1:0", "end"));
}

TEST_F(HistoryTest, references_come_first_and_in_their_order) {
  begin(kPlenty, {0, 0});
  add(0, 4, 0);
  add(0, 2, 1);
  recover({{{"a", mqtt::Qos::AtLeastOnce}}, {{1, 0, 7}, {0, 2, 0}, {0, 0, 9}}, {3, 1}, {4, 2}});
  pump();
  EXPECT_THAT(got, ElementsAre("1:0#7", "0:2", "0:0#9", "0:3", "1:1", "end"));
  EXPECT_EQ(count(HistoryEvent::FromMemory), 3U);
}

TEST_F(HistoryTest, a_reference_may_lie_above_where_the_search_begins) {
  begin(kPlenty, {10});
  recover({{{"a", mqtt::Qos::AtLeastOnce}}, {{0, 2, 0}, {0, 6, 5}}, {4}, {8}});
  pump();
  EXPECT_EQ(last_read(), "0:2-7");
  bring(2, 7);
  bring_end();
  bring(7, 8);
  EXPECT_THAT(got, ElementsAre("0:2", "0:6#5", "0:4", "0:5", "0:6", "0:7", "end"));
}

TEST_F(HistoryTest, old_messages_are_read_again) {
  begin(kPlenty, {10});
  add(10, 12);
  recover({{{"a", mqtt::Qos::AtLeastOnce}}, {{0, 3, 5}}, {8}, {12}});
  pump();
  EXPECT_EQ(last_read(), "0:3-4");
  bring(3, 4);
  bring_end();
  EXPECT_EQ(last_read(), "0:8-10");
  bring(8, 10);
  bring_end();
  EXPECT_THAT(got, ElementsAre("0:3#5", "0:8", "0:9", "0:10", "0:11", "end"));
  EXPECT_EQ(count(HistoryEvent::FromKafka), 3U);
}

TEST_F(HistoryTest, what_many_wait_for_is_read_once) {
  begin(kPlenty, {100});
  scan({50}, {60});
  scan({52}, {100});
  recover({{}, {{0, 55}, {0, 95}}, {}, {}});
  pump();
  EXPECT_EQ(last_read(), "0:50-100");
  bring(50, 100);
  bring_end();
  EXPECT_EQ(reads.size(), 1U);
  EXPECT_EQ(std::ranges::count(got, "0:55"), 3);
  EXPECT_EQ(std::ranges::count(got, "0:51"), 1);
  EXPECT_EQ(std::ranges::count(got, "end"), 3);
  EXPECT_EQ(got.size(), 10U + 48U + 2U + 3U);
}

TEST_F(HistoryTest, what_lies_far_apart_is_not_read_in_between) {
  begin(kPlenty, {20'000});
  recover({{}, {{0, 10}, {0, 400}, {0, 15'000}}, {}, {}});
  pump();
  EXPECT_EQ(last_read(), "0:10-401");
  bring(10, 401);
  bring_end();
  EXPECT_EQ(last_read(), "0:15000-15001");
  bring(15'000, 15'001);
  bring_end();
  EXPECT_THAT(got, ElementsAre("0:10", "0:400", "0:15000", "end"));
}

TEST_F(HistoryTest, a_long_stretch_is_read_bit_by_bit) {
  begin(kPlenty, {12'000});
  scan({0}, {12'000});
  pump();
  for (const char* read : {"0:0-5000", "0:5000-10000", "0:10000-12000"}) {
    ASSERT_EQ(last_read(), read);
    bring(reads.back().from, reads.back().to);
    bring_end();
  }
  EXPECT_EQ(got.size(), 12'001U);
  EXPECT_EQ(got.back(), "end");
}

TEST_F(HistoryTest, a_reference_does_not_wait_for_a_long_search) {
  begin(kPlenty, {1'000'000});
  scan({0}, {1'000'000});
  pump();
  bring_end();
  bool done = false;
  watch({{}, {{0, 10}}, {}, {}}, done);
  EXPECT_EQ(reads_until(done), 2U) << "the read under way, and its own";
}

TEST_F(HistoryTest, a_session_that_missed_little_does_not_wait_for_long_searches) {
  begin(kPlenty, {1'000'000});
  bool first = false;
  bool second = false;
  watch(search({0}, {1'000'000}), first);
  watch(search({500'000}, {1'000'000}), second);
  pump();
  Recovery missed = search({999'900}, {1'000'000});
  for (std::int64_t i = 0; i < 100; ++i) missed.references.push_back({0, i * 10'000 + 7, 0});
  bool done = false;
  watch(missed, done);
  EXPECT_LT(reads_until(done), 140U) << "a hundred for itself";
  EXPECT_FALSE(first || second);
}

TEST_F(HistoryTest, long_searches_go_on_while_others_come) {
  begin(kPlenty, {200'000});
  bool low = false;
  bool high = false;
  watch(search({0}, {200'000}), low);
  watch(search({100'000}, {200'000}), high);
  pump();
  std::size_t served = 0;
  for (; !(low && high) && served < 10'000; ++served) {
    scan({0}, {20'000});
    recover({{}, {{0, 1'000}, {0, 150'000}}, {}, {}});
    bring_end();
  }
  EXPECT_LE(served, 2U * (40U + 60U)) << "two sweeps from where the first began, and as much for the others";
}

TEST_F(HistoryTest, long_searches_share_what_they_read) {
  begin(kPlenty, {1'000'000});
  std::array<bool, 100> done{};
  for (std::size_t i = 0; i < done.size(); ++i) {
    watch(search({static_cast<std::int64_t>(i) * 10'000}, {1'000'000}), done[i]);
  }
  std::size_t served = 0;
  for (const bool& each : done) served += reads_until(each);
  EXPECT_LE(served, 400U) << "of 200 with one sweep alone, and of 10,100 each for itself";
}

TEST_F(HistoryTest, who_comes_while_a_range_is_read_gets_the_rest_and_then_the_beginning) {
  begin(kPlenty, {100});
  scan({10}, {20});
  pump();
  bring(10, 14);
  got.clear();
  scan({12}, {18});  // 12 and 13 are past
  bring(14, 20);
  bring_end();
  EXPECT_EQ(last_read(), "0:12-18");
  got.clear();
  bring(12, 18);
  bring_end();
  EXPECT_THAT(got, ElementsAre("0:12", "0:13", "0:14", "0:15", "0:16", "0:17", "end"));
}

TEST_F(HistoryTest, who_comes_while_a_range_is_read_before_his_place_is_served_by_it) {
  begin(kPlenty, {100});
  scan({10}, {20});
  pump();
  bring(10, 14);
  got.clear();
  scan({16}, {18});
  bring(14, 20);
  bring_end();
  EXPECT_EQ(reads.size(), 1U);
  EXPECT_THAT(got, ElementsAre("0:14", "0:15", "0:16", "0:17", "0:18", "0:19", "end", "0:16", "0:17", "end"));
}

TEST_F(HistoryTest, a_reference_that_is_past_in_the_range_is_read_with_the_next) {
  begin(kPlenty, {100});
  scan({10}, {20});
  pump();
  bring(10, 14);
  got.clear();
  recover({{}, {{0, 11, 3}}, {}, {}});
  bring(14, 20);
  bring_end();
  EXPECT_EQ(last_read(), "0:11-12");
  bring(11, 12);
  bring_end();
  EXPECT_EQ(got.back(), "end");
  EXPECT_EQ(got[got.size() - 2], "0:11#3");
}

TEST_F(HistoryTest, what_was_dropped_from_memory_meanwhile_is_read_again) {
  begin(kOne);
  add(0, 3);  // the last one is in memory
  EXPECT_EQ(count(HistoryEvent::MemoryMessages), 1U);
  scan({0}, {6});
  pump();
  EXPECT_EQ(last_read(), "0:0-2");
  add(3, 6);
  bring(0, 2);
  bring_end();
  EXPECT_EQ(last_read(), "0:2-5");
  bring(2, 5);
  bring_end();
  EXPECT_THAT(got, ElementsAre("0:0", "0:1", "0:2", "0:3", "0:4", "0:5", "end"));
}

TEST_F(HistoryTest, a_scan_beyond_the_position_waits_for_the_stream) {
  begin(kPlenty);
  add(0, 1);
  scan({0}, {3});
  pump();
  EXPECT_THAT(got, ElementsAre("0:0"));
  add(1, 4);
  pump();
  EXPECT_THAT(got, ElementsAre("0:0", "0:1", "0:2", "end"));
}

TEST_F(HistoryTest, a_reference_beyond_the_position_waits_for_the_stream) {
  begin(kPlenty);
  recover({{}, {{0, 1, 4}}, {}, {}});
  pump();
  EXPECT_THAT(reads, IsEmpty());
  add(0, 2);
  pump();
  EXPECT_THAT(got, ElementsAre("0:1#4", "end"));
}

TEST_F(HistoryTest, a_reference_the_stream_never_comes_to_is_given_up_at_the_second_look) {
  begin(kPlenty, {10});
  recover({{}, {{0, 10}, {0, 11}, {7, 3}, {0, 4}}, {}, {}});  // there is no partition 7
  history->give_up_beyond();
  recover({{}, {{0, 11, 5}}, {}, {}});  // has not waited as long
  add(10, 11);
  history->give_up_beyond();
  pump();
  bring(4, 5);
  bring_end();
  EXPECT_THAT(got, ElementsAre("0:10", "0:4", "end"));
  EXPECT_EQ(count(HistoryEvent::ReferencesLost), 2U);
  add(11, 12);
  pump();
  EXPECT_THAT(got, ElementsAre("0:10", "0:4", "end", "0:11#5", "end"));
}

TEST_F(HistoryTest, a_reference_to_no_message_is_left_out) {
  begin(kPlenty, {10});
  history->add(message(0, 11));  // 10 is none
  recover({{}, {{0, 10}, {0, 11}, {0, 12}, {0, 4}, {0, 5}}, {}, {}});
  history->add(message(0, 13));  // nor is 12
  pump();
  history->on_range(reads.back(), {{4, nullptr}, {6, message(0, 6)}});  // one has expired, one is not there
  bring_end();
  EXPECT_THAT(got, ElementsAre("0:11", "end"));
}

TEST_F(HistoryTest, what_is_below_the_retention_is_counted_and_the_rest_goes_on) {
  begin(kPlenty, {100});
  recover({{}, {{0, 10}, {0, 12}, {0, 31}}, {}, {}});
  scan({10}, {40});
  pump();
  EXPECT_EQ(last_read(), "0:10-40");
  bring(30, 40);
  bring_end(30);
  EXPECT_EQ(count(HistoryEvent::ReferencesLost), 2U);
  EXPECT_EQ(count(HistoryEvent::ScansCut), 1U);
  EXPECT_EQ(std::ranges::count(got, "0:31"), 2);
  EXPECT_EQ(std::ranges::count(got, "end"), 2);
}

TEST_F(HistoryTest, a_range_that_is_gone_altogether_ends_the_wait) {
  begin(kPlenty, {100});
  recover({{}, {{0, 10}}, {}, {}});
  pump();
  bring_end(100);
  EXPECT_EQ(count(HistoryEvent::ReferencesLost), 1U);
  EXPECT_EQ(count(HistoryEvent::ScansCut), 0U) << "nobody searched there";
  EXPECT_THAT(got, ElementsAre("end"));
}

TEST_F(HistoryTest, what_is_below_the_retention_takes_one_read_however_much_it_is) {
  begin(kPlenty, {2'000'000});
  Recovery owed{{{"a", mqtt::Qos::AtLeastOnce}}, {}, {1'000'000}, {1'300'000}};
  for (std::int64_t i = 0; i < 300; ++i) owed.references.push_back({0, i * 1'000, 0});
  owed.references.push_back({0, 1'200'007, 3});
  recover(owed);
  scan({5}, {1'200'003});
  scan({5}, {40'000});
  pump();
  bring_end(1'200'000);
  EXPECT_EQ(count(HistoryEvent::ReferencesLost), 300U);
  EXPECT_EQ(count(HistoryEvent::ScansCut), 1U);
  EXPECT_THAT(got, ElementsAre("end")) << "the search that was to end at 40,000";
  EXPECT_EQ(reads.size(), 2U);
  EXPECT_EQ(last_read(), "0:1200000-1200008");
  got.clear();
  bring(1'200'000, 1'200'008);
  bring_end();
  EXPECT_THAT(got, UnorderedElementsAre("0:1200000", "0:1200001", "0:1200002", "end", "0:1200007#3"));
  got.clear();
  EXPECT_EQ(last_read(), "0:1000000-1005000") << "who had to wait for a reference begins now";
  bring_end(1'200'000);
  EXPECT_EQ(last_read(), "0:1200000-1205000");
}

TEST_F(HistoryTest, who_is_below_the_retention_while_what_is_kept_is_read_goes_on_where_it_begins) {
  begin(kPlenty, {100});
  scan({10}, {40});
  pump();
  bring(30, 33);
  got.clear();
  scan({12}, {32});
  recover({{}, {{0, 20}, {0, 31, 5}}, {}, {}});
  bring(33, 40);
  got.clear();
  bring_end(30);
  EXPECT_EQ(count(HistoryEvent::ReferencesLost), 1U);
  EXPECT_EQ(last_read(), "0:30-32");
  bring(30, 32);
  bring_end();
  EXPECT_THAT(got, UnorderedElementsAre("0:30", "0:31", "end", "0:31#5", "end"));
}

TEST_F(HistoryTest, who_loses_his_references_searches_no_further_down_than_what_is_kept) {
  begin(kPlenty, {100});
  recover({{{"a", mqtt::Qos::AtLeastOnce}}, {{0, 10}}, {20}, {52}});
  pump();
  bring_end(50);
  EXPECT_EQ(count(HistoryEvent::ScansCut), 1U);
  EXPECT_EQ(last_read(), "0:50-52");
  EXPECT_EQ(reads.size(), 2U);
}

TEST_F(HistoryTest, what_is_in_memory_outlives_its_deletion) {
  begin(kPlenty, {100});
  add(100, 103);
  recover({{{"a", mqtt::Qos::AtLeastOnce}}, {{0, 10}, {0, 105, 4}}, {50}, {103}});
  scan({10}, {103});
  pump();
  bring_end(1'000);  // the stream has not come there
  EXPECT_THAT(got, ElementsAre("0:100", "0:101", "0:102", "end"));
  EXPECT_EQ(count(HistoryEvent::ReferencesLost), 1U);
  got.clear();
  add(105, 106);
  pump();
  bring_end(1'000);
  EXPECT_THAT(got, ElementsAre("0:105#4", "0:100", "0:101", "0:102", "end"));
}

TEST_F(HistoryTest, what_a_topic_made_anew_keeps_says_nothing_of_what_is_yet_to_come) {
  begin(kPlenty, {100});
  recover({{}, {{0, 10}, {0, 50, 4}}, {}, {}});
  pump();
  EXPECT_EQ(last_read(), "0:10-51");
  bring(10, 11);
  history->add(message(0, 7));
  recover({{}, {{0, 60, 5}, {0, 5, 6}}, {}, {}});
  bring_end(70);
  EXPECT_EQ(count(HistoryEvent::ReferencesLost), 2U) << "50 was in the range, 5 is below what is in memory";
  add(60, 61);
  pump();
  EXPECT_THAT(got, ElementsAre("0:10", "end", "0:60#5", "end"));
}

TEST_F(HistoryTest, a_topic_made_anew_that_ends_below_a_range_settles_that_range_only) {
  begin(kPlenty, {10'000});
  recover({{}, {{0, 10}, {0, 5'000, 4}}, {}, {}});
  pump();
  bring_end(5);
  EXPECT_EQ(last_read(), "0:5000-5001");
}

TEST_F(HistoryTest, a_cancelled_recovery_is_not_heard_of) {
  begin(kPlenty, {100});
  History::JobId job = recover({{{"a", mqtt::Qos::AtLeastOnce}}, {{0, 3}, {0, 4}}, {10}, {20}});
  history->cancel(job);  // before anything
  pump();
  EXPECT_THAT(reads, IsEmpty());

  job = recover({{{"a", mqtt::Qos::AtLeastOnce}}, {{0, 3}, {0, 4}}, {10}, {20}});
  pump();
  bring(3, 4);
  history->cancel(job);  // with half of its references
  bring(4, 5);
  bring_end();
  EXPECT_EQ(reads.size(), 1U);

  job = scan({10}, {20});
  pump();
  bring(10, 15);
  history->cancel(job);  // with half of its scan
  got.clear();
  bring(15, 20);
  bring_end();
  history->cancel(job);  // again
  EXPECT_EQ(reads.size(), 2U);
  EXPECT_THAT(got, IsEmpty());
  EXPECT_EQ(count(HistoryEvent::Waiting), 0U);
}

TEST_F(HistoryTest, others_go_on_waiting_for_what_one_gives_up) {
  begin(kPlenty, {10});
  const History::JobId first = recover({{}, {{0, 11, 1}}, {}, {}});
  recover({{}, {{0, 11, 2}}, {}, {}});
  history->give_up_beyond();
  const History::JobId third = recover({{}, {{0, 11, 3}, {0, 11, 4}}, {}, {}});
  recover({{}, {{0, 11, 5}}, {}, {}});
  history->cancel(first);
  history->give_up_beyond();  // the second one's
  history->cancel(third);
  add(10, 12);
  pump();
  EXPECT_THAT(got, ElementsAre("end", "0:11#5", "end"));
  EXPECT_EQ(count(HistoryEvent::ReferencesLost), 1U);
  EXPECT_EQ(count(HistoryEvent::Waiting), 0U);
}

TEST_F(HistoryTest, a_recovery_may_be_cancelled_by_what_it_brings) {
  begin(kPlenty);
  add(0, 2);
  History::JobId second = 0;
  history->recover("p", {{{"a", mqtt::Qos::AtLeastOnce}}, {}, {0}, {2}},
                   [&](const std::vector<Recovered>&, bool) { history->cancel(second); });
  second = scan({0}, {2});
  pump();
  EXPECT_THAT(got, IsEmpty());
  EXPECT_EQ(count(HistoryEvent::Waiting), 0U);
}

TEST_F(HistoryTest, nothing_to_recover_is_complete_at_once) {
  begin(kPlenty);
  recover({});
  EXPECT_THAT(got, IsEmpty()) << "not from within the call";
  pump();
  EXPECT_THAT(got, ElementsAre("end"));
}

TEST_F(HistoryTest, after_a_stream_that_goes_back_memory_is_of_the_new_one) {
  begin(kPlenty, {50, 0});
  add(50, 53);
  add(0, 1, 1);
  history->add(message(0, 7, "b"));
  EXPECT_EQ(history->position(), (Offsets{8, 1}));
  EXPECT_EQ(count(HistoryEvent::MemoryMessages), 2U);
  add(8, 9);
  scan({7}, {9});
  pump();
  EXPECT_THAT(got, ElementsAre("0:8", "end"));
  EXPECT_THAT(reads, IsEmpty());
}

TEST_F(HistoryTest, memory_is_bounded_over_all_partitions) {
  begin(3 * (sizeof(downlink::Message) + 1), {0, 0});
  add(0, 2, 0);
  add(0, 2, 1);
  EXPECT_EQ(count(HistoryEvent::MemoryMessages), 3U);
  EXPECT_EQ(count(HistoryEvent::MemoryBytes), 3 * (sizeof(downlink::Message) + 1));
  scan({1, 0}, {2, 2});
  pump();
  EXPECT_THAT(got, ElementsAre("0:1", "1:0", "1:1", "end"));
  EXPECT_THAT(reads, IsEmpty());
}

TEST_F(HistoryTest, partitions_are_read_side_by_side) {
  begin(kPlenty, {10, 10});
  scan({5, 5}, {10, 10});
  pump();
  ASSERT_EQ(reads.size(), 2U);
  history->on_range(reads[1], {{5, message(1, 5)}});
  history->on_range_end(reads[1], 0);
  history->on_range(reads[0], {{9, message(0, 9)}});
  pump();
  EXPECT_THAT(got, ElementsAre("1:5", "0:9", "end")) << "complete with the last offset, whatever ends the read";
}

}  // namespace
}  // namespace mqttproxy::cluster::test
