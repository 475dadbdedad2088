// The input is a list of lines, each one an operation on the subscription tree: 's' (subscribe) or 'u' (unsubscribe),
// one byte for the subscriber, one for the QoS, then the topic filter; with anything else in front, a topic name that
// is matched. Every outcome is held against a tree that goes through its filters one by one.
#include <cstdint>
#include <string_view>

#include "mqttproxy/mqtt/topic.hpp"

#include "plain_tree.hpp"
#include "require.hpp"

namespace {

using namespace mqttproxy::mqtt;
using mqttproxy::fuzz::require;

constexpr std::size_t kLevels = 128;

struct Trees {
  SubscriptionTree tree{mqttproxy::util::SipHash(1, 2)};
  test::PlainTree plain;

  void subscribe(std::string_view filter, SubscriptionTree::Subscriber subscriber, Qos qos) {
    const auto added = tree.subscribe(filter, subscriber, qos);
    require(added.is_new == plain.subscribe(filter, subscriber, qos), "new or replaced");
    require(tree.granted(added.filter, subscriber) == qos, "the QoS is the last one");
    require(tree.text(added.filter) == filter, "the filter as it was subscribed");
  }

  void unsubscribe(std::string_view filter, SubscriptionTree::Subscriber subscriber) {
    const auto id = tree.find(filter);
    const bool was_there = id && tree.unsubscribe(*id, subscriber);
    require(was_there == plain.unsubscribe(filter, subscriber), "subscribed or not");
  }

  void match(std::string_view topic) const {
    require(test::hits_of(tree, topic) == plain.hits_of(topic), "section 4.7 says who gets it");
  }

  void apply(std::string_view line) {
    if (line.size() < 3) return;
    const auto subscriber = static_cast<std::uint8_t>(line[1]);
    const auto qos = static_cast<Qos>(static_cast<std::uint8_t>(line[2]) % 3);
    const std::string_view topic = line.substr(3);
    if (is_topic_name(topic, kLevels)) match(topic);
    if (!is_topic_filter(topic, kLevels)) return;
    if (line[0] == 's') subscribe(topic, subscriber, qos);
    if (line[0] == 'u') unsubscribe(topic, subscriber);
  }

  void take_everything_out() {
    const auto filters = plain.filters();
    for (const auto& [filter, subscribers] : filters) {
      for (const auto& [subscriber, qos] : subscribers) unsubscribe(filter, subscriber);
    }
    require(tree.nodes() == 0, "nothing is left behind");
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  Trees trees;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    trees.apply(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  require(test::difference(trees.tree, trees.plain).empty(), "both hold the same");
  trees.take_everything_out();
  return 0;
}
