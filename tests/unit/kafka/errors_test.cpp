#include "kafka/errors.hpp"

#include <gtest/gtest.h>

namespace mqttproxy::kafka {
namespace {

constexpr auto kNotPersisted = RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
constexpr auto kPossibly = RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED;

TEST(Errors, NoErrorIsStored) {
  EXPECT_EQ(outcome_of(RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_MSG_STATUS_PERSISTED), Outcome::Stored);
}

TEST(Errors, WhatKafkaWillNeverTakeIsRefused) {
  for (const auto code :
       {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
        RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
        RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_MSG,
        RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_POLICY_VIOLATION}) {
    EXPECT_EQ(outcome_of(code, kNotPersisted), Outcome::Refused) << rd_kafka_err2name(code);
  }
}

TEST(Errors, WhatMayStillBeStoredIsUnknown) {
  for (const auto code : {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT,
                          RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, RD_KAFKA_RESP_ERR__FATAL,
                          RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                          RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID}) {
    EXPECT_EQ(outcome_of(code, kNotPersisted), Outcome::Unknown) << rd_kafka_err2name(code);
  }
}

TEST(Errors, ARefusalAfterAnUnansweredAttemptIsUnknown) {
  EXPECT_EQ(outcome_of(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, kPossibly), Outcome::Unknown);
}

TEST(Errors, OnlySizeIsTooLarge) {
  EXPECT_TRUE(is_too_large(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE));
  EXPECT_TRUE(is_too_large(RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE));
  EXPECT_TRUE(is_too_large(RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE));
  EXPECT_FALSE(is_too_large(RD_KAFKA_RESP_ERR_INVALID_RECORD));
}

TEST(Errors, NamesAndCodesAreInverse) {
  EXPECT_EQ(error_name(0), "NO_ERROR");
  EXPECT_EQ(error_name(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART), "UNKNOWN_TOPIC_OR_PART");
  for (const auto code : {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                          RD_KAFKA_RESP_ERR_INVALID_RECORD}) {
    EXPECT_EQ(code_of(error_name(static_cast<std::int16_t>(code))), code);
  }
  EXPECT_EQ(code_of("no such name"), 0);
}

TEST(Errors, LabelsOfOutcomes) {
  EXPECT_EQ(label(Outcome::Stored), "stored");
  EXPECT_EQ(label(Outcome::DeadLettered), "dead_lettered");
  EXPECT_EQ(label(Outcome::Refused), "refused");
  EXPECT_EQ(label(Outcome::Unknown), "unknown");
}

}  // namespace
}  // namespace mqttproxy::kafka
