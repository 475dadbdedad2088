// Sessions of all nodes, for the API.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mqttproxy/downlink/session_directory.hpp"

namespace mqttproxy::cluster {

class ClusterImpl;

class ClusterDirectory final : public downlink::SessionDirectory {
 public:
  ClusterDirectory(ClusterImpl& cluster, downlink::SessionDirectory& local) : cluster_(cluster), local_(local) {}

  std::optional<std::vector<downlink::SessionSummary>> list(std::string_view proxy,
                                                            std::optional<std::string_view> text) override;
  std::optional<Found> find(std::string_view proxy, std::string_view client_id) override;
  std::optional<std::size_t> remove(std::string_view proxy, std::vector<std::string> client_ids) override;
  /// Of this node.
  [[nodiscard]] std::optional<downlink::ConnectionPage> connections(std::string_view proxy, std::string_view text,
                                                                    std::size_t limit) override {
    return local_.connections(proxy, text, limit);
  }

 private:
  ClusterImpl& cluster_;
  downlink::SessionDirectory& local_;
};

}  // namespace mqttproxy::cluster
