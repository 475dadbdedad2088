// ACL's configuration: {rules: [{allow or deny, topics, users, clients}], default, onDeny}.
#pragma once

#include <memory>

#include "mqttproxy/pipeline/filter.hpp"

namespace mqttproxy::filters {

/// nullptr after errors.
[[nodiscard]] std::unique_ptr<pipeline::Filter> make_acl(const pipeline::FilterBuild& build);

}  // namespace mqttproxy::filters
