// ACL: which topics a client may publish to and subscribe to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mqttproxy/pipeline/filter.hpp"

#include "string_map.hpp"
#include "topic_pattern.hpp"

namespace mqttproxy::filters {

struct AclRule {
  bool allow = false;
  bool publish = false;
  bool subscribe = false;
  std::vector<TopicPattern> topics;
  std::optional<StringSet> users;    // nullopt: whoever it is
  std::optional<StringSet> clients;  // the same for client ids
};

enum class OnDeny : std::uint8_t { Disconnect, Drop };

struct AclOptions {
  std::vector<AclRule> rules;
  bool allow_by_default = false;
  OnDeny on_deny = OnDeny::Disconnect;
};

/// Acts on PUBLISH (wills too) and SUBSCRIBE. The first rule that hits decides: an allowing one when it covers every
/// topic that is asked for, a denying one when it shares any of them. What cannot be decided, because a placeholder has
/// no value for this client, is denied. A denied topic filter is answered with 0x80 [MQTT-3.9.3-1], the packet's others
/// go on.
class Acl final : public pipeline::Filter {
 public:
  static constexpr pipeline::FilterResult kNotAllowed = 1;

  Acl(std::string name, AclOptions options) : name_(std::move(name)), options_(std::move(options)) {}

  [[nodiscard]] pipeline::FilterResult handle(pipeline::Context& context) noexcept override;
  /// A PUBLISH that no jumpIf takes care of.
  [[nodiscard]] bool unhandled(pipeline::Context& context, pipeline::FilterResult result) noexcept override;

 private:
  [[nodiscard]] pipeline::FilterResult judge_publish(const pipeline::Context& context);
  void judge_subscribe(pipeline::Context& context);
  [[nodiscard]] bool hits(const AclRule& rule, const pipeline::Client& client, std::string_view mqtt_topic);
  /// Index of the rule that decides; the number of rules: the default does.
  [[nodiscard]] std::size_t find_rule(const pipeline::Client& client, bool AclRule::*operation,
                                      std::string_view mqtt_topic);
  [[nodiscard]] bool allows(std::size_t rule) const noexcept;

  std::string name_;
  AclOptions options_;
  std::string buffer_;  // of an expanded topic filter, reused
};

}  // namespace mqttproxy::filters
