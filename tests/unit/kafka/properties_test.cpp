#include "mqttproxy/kafka/properties.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mqttproxy::kafka {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ProducerOptions options() {
  ProducerOptions options;
  options.name = "p";
  options.backends = {"kafka-1:9092", "127.0.0.1:9093"};
  return options;
}

TEST(Property, OrdinaryOnesPass) {
  EXPECT_EQ(property_problem("compression.type", "lz4"), std::nullopt);
  EXPECT_EQ(property_problem("linger.ms", "5"), std::nullopt);
  EXPECT_EQ(property_problem("linger.ms", "0.5"), std::nullopt);
  EXPECT_EQ(property_problem("message.timeout.ms", "30000"), std::nullopt);
  EXPECT_EQ(property_problem("message.max.bytes", "2000000"), std::nullopt);
  EXPECT_EQ(property_problem("security.protocol", "sasl_ssl"), std::nullopt);
  EXPECT_EQ(property_problem("sasl.password", "secret"), std::nullopt);
}

struct DeniedCase {
  const char* name;
  const char* value;
  const char* reason;
};

class DeniedProperty : public ::testing::TestWithParam<DeniedCase> {};

TEST_P(DeniedProperty, IsRefusedWithItsReason) {
  const auto problem = property_problem(GetParam().name, GetParam().value);
  ASSERT_TRUE(problem.has_value());
  EXPECT_THAT(*problem, HasSubstr(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(All, DeniedProperty,
                         ::testing::Values(DeniedCase{"acks", "1", "must be all"},
                                           DeniedCase{"acks", "0", "every replica"},
                                           DeniedCase{"request.required.acks", "1", "must be all"},
                                           DeniedCase{"enable.idempotence", "false", "must be true"},
                                           DeniedCase{"delivery.report.only.error", "true", "must be false"},
                                           DeniedCase{"enable.gapless.guarantee", "true", "must be false"},
                                           DeniedCase{"queuing.strategy", "lifo", "must be fifo"},
                                           DeniedCase{"test.mock.num.brokers", "3", "backend: [embedded]"},
                                           DeniedCase{"test.mock.anything", "3", "backend: [embedded]"},
                                           DeniedCase{"plugin.library.paths", "/x.so", "foreign code"},
                                           DeniedCase{"ssl.engine.location", "/x.so", "foreign code"},
                                           DeniedCase{"ssl.providers", "legacy", "foreign code"},
                                           DeniedCase{"bootstrap.servers", "k:9092", "use backend"},
                                           DeniedCase{"metadata.broker.list", "k:9092", "use backend"},
                                           DeniedCase{"transactional.id", "t", "no transaction"},
                                           DeniedCase{"transaction.timeout.ms", "5000", "no transaction"},
                                           DeniedCase{"queue.buffering.max.messages", "5", "queue.maxMessages"},
                                           DeniedCase{"queue.buffering.max.kbytes", "5", "queue.maxBytes"},
                                           DeniedCase{"enabled_events", "0", "delivery reports"},
                                           DeniedCase{"log.queue", "true", "log lines"},
                                           DeniedCase{"internal.termination.signal", "15", "signals"},
                                           DeniedCase{"group.id", "g", "consumer property"},
                                           DeniedCase{"auto.offset.reset", "earliest", "consumer property"},
                                           DeniedCase{"dr_msg_cb", "1", "librdkafka"}));

TEST(Property, SameMeaningAsOursPasses) {
  EXPECT_EQ(property_problem("acks", "all"), std::nullopt);
  EXPECT_EQ(property_problem("acks", "-1"), std::nullopt);
  EXPECT_EQ(property_problem("enable.idempotence", "true"), std::nullopt);
  EXPECT_EQ(property_problem("delivery.report.only.error", "false"), std::nullopt);
}

TEST(BusProperty, FetchSettingsPass) {
  for (const char* name : {"fetch.wait.max.ms", "fetch.min.bytes", "fetch.max.bytes", "queued.min.messages"}) {
    EXPECT_EQ(property_problem(name, "5000", PropertyUse::Bus), std::nullopt) << name;
    EXPECT_TRUE(is_consumer_only(name));
  }
  EXPECT_EQ(property_problem("isolation.level", "read_uncommitted", PropertyUse::Bus), std::nullopt);
  EXPECT_EQ(property_problem("linger.ms", "5", PropertyUse::Bus), std::nullopt);
}

TEST(BusProperty, GroupsPositionsAndTheMessageTimeOutAreRefused) {
  for (const char* name : {"group.id", "session.timeout.ms"}) {
    EXPECT_THAT(property_problem(name, "1", PropertyUse::Bus).value_or(""), HasSubstr("no consumer group")) << name;
  }
  for (const char* name : {"auto.offset.reset", "enable.auto.commit", "offset.store.method"}) {
    EXPECT_THAT(property_problem(name, "1", PropertyUse::Bus).value_or(""), HasSubstr("positions")) << name;
  }
  EXPECT_THAT(property_problem("message.timeout.ms", "1", PropertyUse::Bus).value_or(""), HasSubstr("publishTimeout"));
  EXPECT_THAT(property_problem("acks", "1", PropertyUse::Bus).value_or(""), HasSubstr("must be all"));
  EXPECT_THAT(property_problem("queued.max.messages.kbytes", "1", PropertyUse::Bus).value_or(""),
              HasSubstr("queue.maxBytes"));
}

TEST(BusProperty, OfTheProducerOnesTheConsumerIsNotTold) {
  for (const char* name : {"acks", "linger.ms", "compression.type", "message.timeout.ms"}) {
    EXPECT_TRUE(is_producer_only(name)) << name;
  }
  EXPECT_FALSE(is_producer_only("security.protocol"));
  EXPECT_FALSE(is_consumer_only("security.protocol"));
}

TEST(Property, UnknownNameGetsAHint) {
  const auto problem = property_problem("lingr.ms", "5");
  ASSERT_TRUE(problem.has_value());
  EXPECT_THAT(*problem, HasSubstr("does not know this property; did you mean linger.ms?"));
}

TEST(Property, HintNeverNamesWhatMayNotBeSet) {
  const auto problem = property_problem("transactionl.id", "5");
  ASSERT_TRUE(problem.has_value());
  EXPECT_THAT(*problem, Not(HasSubstr("transactional.id")));
}

TEST(Property, FarFromEverythingGetsNoHint) {
  EXPECT_THAT(*property_problem("no.such.thing.anywhere", "1"), Not(HasSubstr("did you mean")));
}

TEST(Property, BadValueIsNotEchoed) {
  for (const char* name : {"linger.ms", "compression.type", "security.protocol", "socket.keepalive.enable"}) {
    const auto problem = property_problem(name, "s3cret");
    ASSERT_TRUE(problem.has_value()) << name;
    EXPECT_THAT(*problem, Not(HasSubstr("s3cret"))) << name;
  }
}

TEST(Property, OutOfRangeNamesTheRange) {
  const auto problem = property_problem("message.max.bytes", "12");
  ASSERT_TRUE(problem.has_value());
  EXPECT_THAT(*problem, HasSubstr("1000..1000000000"));
  EXPECT_THAT(*problem, Not(HasSubstr("12 ")));
}

TEST(Options, OrdinaryOnesPass) {
  EXPECT_EQ(options_problem(options()), std::nullopt);
  ProducerOptions embedded = options();
  embedded.backends = {"embedded"};
  embedded.topics = {"a", "b.c"};
  embedded.dead_letter_topic = "dead";
  EXPECT_EQ(options_problem(embedded), std::nullopt);
}

TEST(Options, BackendsAreHostAndPort) {
  for (const char* backend :
       {"", "kafka", ":9092", "kafka:", "kafka:0", "kafka:65536", "kafka:9o92", "a:1,b:2", "a b:1", "embedded"}) {
    ProducerOptions bad = options();
    bad.backends.emplace_back(backend);
    EXPECT_NE(options_problem(bad), std::nullopt) << backend;
  }
  ProducerOptions none = options();
  none.backends.clear();
  EXPECT_NE(options_problem(none), std::nullopt);
}

TEST(Options, TopicsAreLegal) {
  ProducerOptions bad = options();
  bad.topics = {"fine", "a/b"};
  EXPECT_THAT(options_problem(bad).value_or(""), HasSubstr("a/b"));
  bad = options();
  bad.dead_letter_topic = "..";
  EXPECT_THAT(options_problem(bad).value_or(""), HasSubstr("topic \"..\""));
}

TEST(Options, CombinationThatOnlyLibrdkafkaKnowsToBeWrong) {
  ProducerOptions bad = options();
  bad.properties = {{"max.in.flight", "100"}};
  EXPECT_EQ(property_problem("max.in.flight", "100"), std::nullopt);
  EXPECT_THAT(options_problem(bad).value_or(""), HasSubstr("max.in.flight"));
}

TEST(Options, DeniedPropertyIsNamed) {
  ProducerOptions bad = options();
  bad.properties = {{"acks", "1"}};
  EXPECT_THAT(options_problem(bad).value_or(""), HasSubstr("property acks: must be all"));
}

}  // namespace
}  // namespace mqttproxy::kafka
