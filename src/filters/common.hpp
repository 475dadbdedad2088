// What the factories of all filter kinds share.
#pragma once

#include <string>

#include "mqttproxy/config/config.hpp"
#include "mqttproxy/config/value.hpp"

namespace mqttproxy::filters {

/// A filter's map, read with diagnostics of its own: so "did this reading find errors" has an answer whatever others
/// have reported before, and a filter can look at its neighbours without repeating their errors.
class Reading {
 public:
  explicit Reading(const config::FilterConfig& config)
      : outer_(config.value.diagnostics()),
        own_(outer_.file()),
        value_(config.value.node(), config.value.mark(), config.value.path(), own_) {}
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  [[nodiscard]] const config::Value& value() const noexcept { return value_; }
  [[nodiscard]] bool ok() const noexcept { return own_.ok(); }
  /// Hands what was found to the configuration's diagnostics. True when there are no errors.
  bool publish() const;

 private:
  config::Diagnostics& outer_;
  config::Diagnostics own_;
  config::Value value_;
};

/// The keys every filter of a document may carry; name and kind have been read by then, the others mean nothing here.
void ignore_common_keys(config::Object& object);

/// Reports a name that Kafka would refuse.
void check_kafka_topic(const config::Value& value, const std::string& name);

}  // namespace mqttproxy::filters
