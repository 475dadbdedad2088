// Part in a Kafka consumer group, only to be told which partitions of a topic are this process's. Reads nothing: who
// lives and who does not, and a fair share for each, is what Kafka's group protocol is good at.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mqttproxy/kafka/producer.hpp"

namespace mqttproxy::kafka {

class AssignmentHandler {
 public:
  virtual ~AssignmentHandler() = default;
  /// The whole present set, ascending, on every change; empty when it was lost. Another member may have what is not
  /// in it any more as soon as this returns. Thread: the member's.
  virtual void on_assignment(std::vector<std::int32_t> partitions) = 0;
};

struct GroupOptions {
  std::string name;                   // librdkafka client.id and metrics label
  std::vector<std::string> backends;  // host:port, or exactly {"embedded"}
  /// librdkafka's, already checked; those of producers have no effect here.
  std::vector<std::pair<std::string, std::string>> properties;
  std::string topic;
  std::string group;  // all its members must have the same topic

  bool operator==(const GroupOptions&) const = default;
};

/// One thread. Kafka and the topic may be absent at the start and go away at any time. A member that Kafka has not
/// heard of for ten seconds loses its partitions to others, and learns of it when it reaches Kafka again: until then it
/// believes in its last assignment.
class GroupMember {
 public:
  /// Throws std::runtime_error (librdkafka's reason) for options rd_kafka_new refuses. Does not wait for Kafka.
  /// `handler` must outlive the member.
  static std::unique_ptr<GroupMember> create(const GroupOptions& options, AssignmentHandler& handler,
                                             metrics::Registry& metrics);
  virtual ~GroupMember() = default;

  /// Leaves the group, so that others get the partitions at once. No call to the handler is under way or follows once
  /// it returns. Waits for Kafka's answer, some seconds at most. Thread: main.
  virtual void stop() noexcept = 0;
};

}  // namespace mqttproxy::kafka
