#include "filters/topic_pattern.hpp"

#include <set>
#include <tuple>

#include <gtest/gtest.h>

#include "mqttproxy/mqtt/topic.hpp"

namespace mqttproxy::filters {
namespace {

pipeline::Client client(std::string_view client_id, std::optional<std::string_view> username = std::nullopt) {
  return {client_id, username, "192.0.2.1:50123", "proxy"};
}

std::string expanded(std::string_view text, const pipeline::Client& who) {
  std::string problem;
  const auto pattern = TopicPattern::parse(text, problem);
  EXPECT_TRUE(pattern.has_value()) << text << ": " << problem;
  std::string buffer = "of the packet before";
  return pattern ? std::string(pattern->expand(who, buffer).value_or("nothing")) : "";
}

TEST(TopicPattern, PutsClientIdAndUserNameIn) {
  EXPECT_EQ(expanded("a/+/#", client("c1")), "a/+/#");
  EXPECT_EQ(expanded("%c", client("c1")), "c1");
  EXPECT_EQ(expanded("devices/%c/#", client("c1")), "devices/c1/#");
  EXPECT_EQ(expanded("%u/dev-%c/+/%u%c", client("c1", "anna")), "anna/dev-c1/+/annac1");
  EXPECT_EQ(expanded("100%%/%%c", client("c1")), "100%/%c");
}

TEST(TopicPattern, AValueIsOneLevelAndNoWildcard) {
  for (const std::string_view bad : {"", "a/b", "/", "+", "#", "a+", "a#b"}) {
    EXPECT_EQ(expanded("x/%c/#", client(bad, "anna")), "nothing") << bad;
    EXPECT_EQ(expanded("x/%u/#", client("c1", bad)), "nothing") << bad;
    EXPECT_EQ(expanded("x/#", client(bad, bad)), "x/#") << "without placeholders it does not matter";
  }
  EXPECT_EQ(expanded("x/%u", client("c1")), "nothing");
  EXPECT_EQ(expanded("x/%c", client("%u", "anna")), "x/%u") << "values are not expanded again";
}

TEST(TopicPattern, MQTT_4_7_2_1_AValueDoesNotMakeAServersTopic) {
  EXPECT_EQ(expanded("%c/x", client("$SYS")), "nothing");
  EXPECT_EQ(expanded("a/%c", client("$SYS")), "a/$SYS");
  EXPECT_EQ(expanded("-%c", client("$SYS")), "-$SYS");
  EXPECT_EQ(expanded("$SYS/%c", client("c1")), "$SYS/c1");
}

TEST(TopicPattern, RefusesWhatIsNoTopicFilter) {
  for (const std::string_view bad : {"", "%", "a/%", "%x", "%C", "%t/a", "a/%c+", "%c#", "+%u", "#/a", "a#", "a/++"}) {
    std::string problem;
    EXPECT_FALSE(TopicPattern::parse(bad, problem).has_value()) << bad;
    EXPECT_FALSE(problem.empty()) << bad;
  }
  std::string problem;
  EXPECT_FALSE(TopicPattern::parse(std::string_view("a\0b", 3), problem).has_value());
  EXPECT_FALSE(TopicPattern::parse("a\xff", problem).has_value());
}

TEST(Covers, ByExample) {
  const std::tuple<const char*, const char*, bool> cases[] = {
      {"#", "a", true},        {"#", "#", true},         {"#", "+/a/#", true},     {"a/#", "a/+", true},
      {"a/#", "a", true},      {"a/#", "a/b/c", true},   {"a/#", "a/#", true},     {"a/#", "#", false},
      {"a/#", "+", false},     {"a/#", "ab", false},     {"a/#", "b/a", false},    {"a/+", "a/b", true},
      {"a/+", "a/+", true},    {"a/+", "a/#", false},    {"a/+", "a", false},      {"a/+", "a/b/c", false},
      {"a/+", "a/", true},     {"+", "a/b", false},      {"+/+", "/", true},       {"a/b", "a/+", false},
      {"a/b", "a/b", true},    {"a/b", "a/b/#", false},  {"a/b/#", "a/#", false},  {"a", "A", false},
      {"+/b/#", "a/b", true},  {"+/b/#", "+/b/+", true}, {"/#", "/a", true},       {"/#", "a", false},
      {"#", "$SYS/a", false},  {"+/a", "$SYS/a", false}, {"$SYS/#", "$SYS", true}, {"$SYS/#", "#", false},
      {"a/#", "a/$SYS", true}, {"a/+", "a/$SYS", true},
  };
  for (const auto& [wide, filter, covered] : cases) EXPECT_EQ(covers(wide, filter), covered) << wide << ' ' << filter;
}

TEST(Overlaps, ByExample) {
  const std::tuple<const char*, const char*, bool> cases[] = {
      {"a/b", "a/b", true},     {"a/b", "a/+", true},       {"a/b", "#", true},      {"a/b", "a/b/#", true},
      {"a/b", "a/c", false},    {"a/b", "a", false},        {"a/b/#", "a", false},   {"a/b/#", "a/+", true},
      {"a/b/#", "+/+", true},   {"a/+", "+/b", true},       {"a/+/c", "+/b", false}, {"+", "a/#", true},
      {"+/b", "+/c", false},    {"a/#", "b/#", false},      {"a", "a/+", false},     {"#", "anything/#", true},
      {"#", "$SYS/a", true},    {"+/a", "$SYS/a", true},    {"$SYS/#", "#", false},  {"$SYS/a", "+/a", false},
      {"$SYS/#", "$SYS", true}, {"$SYS/a", "$SYS/+", true},
  };
  for (const auto& [barred, filter, meets] : cases)
    EXPECT_EQ(overlaps(barred, filter), meets) << barred << ' ' << filter;
}

/// Every topic of one to `depth` of the given levels.
std::vector<std::string> all_topics(const std::vector<std::string>& levels, std::size_t depth) {
  std::vector<std::string> topics = levels;
  for (std::size_t start = 0, level = 1; level < depth; ++level) {
    const std::size_t end = topics.size();
    for (; start < end; ++start) {
      for (const std::string& next : levels) topics.push_back(topics[start] + "/" + next);
    }
  }
  return topics;
}

/// Section 4.7 word by word, by recursion.
bool matches(std::string_view filter, std::string_view name) {
  if (filter == "#" || filter == name) return true;
  const std::size_t filter_end = filter.find('/');
  const std::size_t name_end = name.find('/');
  const std::string_view level = filter.substr(0, filter_end);
  if (level != "+" && level != name.substr(0, name_end)) return false;
  if (filter_end == std::string_view::npos) return name_end == std::string_view::npos;
  const std::string_view rest = filter.substr(filter_end + 1);
  return name_end == std::string_view::npos ? rest == "#" : matches(rest, name.substr(name_end + 1));
}

/// All filters of up to three levels against what they match among all names of up to four.
class Relations : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& filter : all_topics({"a", "$b", "", "+", "#"}, 3)) {
      if (mqtt::is_topic_filter(filter, 9)) filters_.push_back(filter);
    }
    const std::vector<std::string> names = all_topics({"a", "$b", "", "other"}, 4);
    for (const std::string& filter : filters_) {
      std::vector<bool>& matched = matched_.emplace_back();
      const bool wild = filter.starts_with('+') || filter.starts_with('#');
      for (const std::string& name : names) {  // with "", which nobody may publish to: "/#" is about it
        matched.push_back(matches(filter, name) && !(wild && name.starts_with('$')));
      }
    }
  }
  bool is_subset(std::size_t inner, std::size_t outer) const {
    for (std::size_t i = 0; i < matched_[inner].size(); ++i) {
      if (matched_[inner][i] && !matched_[outer][i]) return false;
    }
    return true;
  }
  bool intersect(std::size_t left, std::size_t right) const {
    for (std::size_t i = 0; i < matched_[left].size(); ++i) {
      if (matched_[left][i] && matched_[right][i]) return true;
    }
    return false;
  }

  std::vector<std::string> filters_;
  std::vector<std::vector<bool>> matched_;  // by filter, then name
};

TEST_F(Relations, CoversIsInclusion) {
  ASSERT_GT(filters_.size(), 80U);
  for (std::size_t outer = 0; outer < filters_.size(); ++outer) {
    for (std::size_t inner = 0; inner < filters_.size(); ++inner) {
      // "+/#" matches what "#" matches; that '#' is only inside '#' errs on the side of a refusal.
      if (filters_[outer] == "+/#" && filters_[inner] == "#") continue;
      EXPECT_EQ(covers(filters_[outer], filters_[inner]), is_subset(inner, outer))
          << filters_[outer] << " over " << filters_[inner];
    }
  }
}

TEST_F(Relations, OverlapsIsACommonNameAndWildcardsBarServersTopicsToo) {
  for (std::size_t left = 0; left < filters_.size(); ++left) {
    const bool wild = filters_[left].starts_with('+') || filters_[left].starts_with('#');
    for (std::size_t right = 0; right < filters_.size(); ++right) {
      if (wild && filters_[right].starts_with('$')) {
        EXPECT_TRUE(overlaps(filters_[left], filters_[right]) || !matches(filters_[left], filters_[right]));
        continue;
      }
      EXPECT_EQ(overlaps(filters_[left], filters_[right]), intersect(left, right))
          << filters_[left] << " and " << filters_[right];
    }
  }
}

}  // namespace
}  // namespace mqttproxy::filters
