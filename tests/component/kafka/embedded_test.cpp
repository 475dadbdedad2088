#include "mqttproxy/kafka/embedded.hpp"

#include <sstream>

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>

#include "mqttproxy/util/log.hpp"

#include "support.hpp"

namespace mqttproxy::kafka::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Embedded, EachHasItsOwnPort) {
  const EmbeddedKafka first;
  const EmbeddedKafka second;
  EXPECT_THAT(first.bootstrap(), StartsWith("127.0.0.1:"));
  EXPECT_NE(first.bootstrap(), second.bootstrap());
}

TEST(Embedded, SharedIsOneWhileSomebodyHoldsIt) {
  std::ostringstream log;
  const auto previous = spdlog::default_logger();
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  auto first = EmbeddedKafka::shared();
  const auto second = EmbeddedKafka::shared();
  EXPECT_EQ(first, second);
  spdlog::set_default_logger(previous);
  const std::string line = "embedded kafka address=" + first->bootstrap() + ": nothing here is durable";
  const std::string text = log.str();
  const auto at = text.find(line);
  ASSERT_NE(at, std::string::npos) << text;
  EXPECT_EQ(text.find("nothing here is durable", at + line.size()), std::string::npos) << "once";
}

TEST(Embedded, BackendEmbeddedMeansTheSharedOne) {
  const auto kafka = EmbeddedKafka::shared();
  ProducerOptions options;
  options.name = "embedded";
  options.backends = {"embedded"};
  RecordingSink sink;
  metrics::Registry registry;
  const auto producer = Producer::create(options, {&sink}, registry);
  TopicError error{};
  Record record;
  record.topic = producer->open_topic("t", error);
  record.value = "hello";
  ASSERT_EQ(producer->produce(record), ProduceResult::Accepted);
  const auto records = read(*kafka, "t", 1);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].value, "hello");
  EXPECT_EQ(sink.wait_for_reports(1).size(), 1U);
}

}  // namespace
}  // namespace mqttproxy::kafka::testing
