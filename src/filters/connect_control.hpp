// ConnectControl: client ids and topic names that are not welcome.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "mqttproxy/pipeline/filter.hpp"

#include "expression.hpp"
#include "string_map.hpp"

namespace mqttproxy::filters {

/// Exact names, and an expression searched for anywhere in the name. Empty: nobody is banned by it.
struct BanList {
  StringSet names;
  std::optional<Expression> expression;

  [[nodiscard]] bool bans(std::string_view name) const noexcept {
    return names.contains(name) || (expression && expression->found_in(name));
  }
};

struct ConnectControlOptions {
  BanList clients;
  BanList topics;
};

/// Acts on CONNECT (client id: return code 5), on PUBLISH (client id and topic name: disconnect) and on SUBSCRIBE (a
/// topic filter with a banned text: 0x80). Easegress looks at PUBLISH only, so that a banned client stays connected
/// until it says something.
class ConnectControl final : public pipeline::Filter {
 public:
  static constexpr pipeline::FilterResult kBanned = 1;

  explicit ConnectControl(ConnectControlOptions options) : options_(std::move(options)) {}

  [[nodiscard]] pipeline::FilterResult handle(pipeline::Context& context) noexcept override;

  /// nullptr after errors.
  static std::unique_ptr<pipeline::Filter> make(const pipeline::FilterBuild& build);

 private:
  void refuse_banned_filters(pipeline::Context& context) noexcept;

  ConnectControlOptions options_;
};

}  // namespace mqttproxy::filters
