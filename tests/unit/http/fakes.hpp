// What stands behind the API in its tests.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mqttproxy/downlink/bus.hpp"
#include "mqttproxy/downlink/session_directory.hpp"

namespace mqttproxy::http::testing {

/// Keeps what was published; takes `room` messages and then no more; holds every publisher while it is shut.
class FakeBus final : public downlink::Bus {
 public:
  downlink::PublishResult publish(std::vector<downlink::Message> messages) override {
    std::unique_lock lock(mutex_);
    if (throws) throw std::runtime_error("out of order");
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !shut_; });
    --waiting_;
    downlink::PublishResult result;
    for (downlink::Message& message : messages) {
      if (messages_.size() == room) {
        result.reason = "the bus is full";
        break;
      }
      messages_.push_back(std::move(message));
      ++result.accepted;
    }
    return result;
  }

  [[nodiscard]] std::vector<downlink::Message> messages() const {
    const std::scoped_lock lock(mutex_);
    return messages_;
  }
  [[nodiscard]] std::vector<std::string> payloads() const {
    std::vector<std::string> payloads;
    for (const downlink::Message& message : messages()) payloads.push_back(message.payload);
    return payloads;
  }

  void shut() {
    const std::scoped_lock lock(mutex_);
    shut_ = true;
  }
  void open() {
    const std::scoped_lock lock(mutex_);
    shut_ = false;
    changed_.notify_all();
  }
  void wait_for_publisher() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ != 0; });
  }

  std::size_t room = 1'000'000;
  bool throws = false;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<downlink::Message> messages_;
  std::size_t waiting_ = 0;
  bool shut_ = false;
};

/// Sessions of one proxy, by client id.
class FakeSessions final : public downlink::SessionDirectory {
 public:
  std::optional<std::vector<downlink::SessionSummary>> list(std::string_view proxy,
                                                            std::optional<std::string_view> text) override {
    if (!answers) return std::nullopt;
    std::vector<downlink::SessionSummary> found;
    for (const auto& [id, session] : sessions) {
      if (proxy != known_proxy) continue;
      if (!text) {
        found.push_back({id, "", session.connected, session.node});
        continue;
      }
      for (const auto& filter : session.filters) {
        if (filter.filter.find(*text) == std::string::npos) continue;
        found.push_back({id, filter.filter, session.connected, session.node});
        break;
      }
    }
    return found;
  }

  std::optional<Found> find(std::string_view proxy, std::string_view client_id) override {
    if (!answers) return std::nullopt;
    const auto it = sessions.find(std::string(client_id));
    if (proxy != known_proxy || it == sessions.end()) return Found{};
    return Found{it->second};
  }

  std::optional<std::size_t> remove(std::string_view proxy, std::vector<std::string> client_ids) override {
    if (!answers) return std::nullopt;
    std::size_t removed = 0;
    for (const std::string& id : client_ids) {
      if (proxy == known_proxy) removed += sessions.erase(id);
    }
    return removed;
  }

  std::optional<downlink::ConnectionPage> connections(std::string_view proxy, std::string_view text,
                                                      std::size_t limit) override {
    if (!answers) return std::nullopt;
    downlink::ConnectionPage page;
    for (const auto& connection : connected) {
      if (proxy != known_proxy || connection.client_id.find(text) == std::string::npos) continue;
      page.more = page.connections.size() == limit;
      if (page.more) break;
      page.connections.push_back(connection);
    }
    return page;
  }

  std::string known_proxy = "mqttproxy";
  std::map<std::string, downlink::SessionDetail> sessions;
  std::vector<downlink::ConnectionDetail> connected;
  bool answers = true;
};

}  // namespace mqttproxy::http::testing
