// Sessions of all workers, for whoever asks from outside: every question is posted to the workers and waited for.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "mqttproxy/downlink/session_directory.hpp"

namespace mqttproxy::net {

class Worker;

/// Thread: any but a worker's.
class Directory final : public downlink::SessionDirectory {
 public:
  /// `workers` must outlive it. `node`: the name of this one.
  Directory(std::vector<Worker*> workers, std::string node) : workers_(std::move(workers)), node_(std::move(node)) {}

  [[nodiscard]] std::optional<std::vector<downlink::SessionSummary>> list(
      std::string_view proxy, std::optional<std::string_view> text) override;
  [[nodiscard]] std::optional<Found> find(std::string_view proxy, std::string_view client_id) override;
  [[nodiscard]] std::optional<std::size_t> remove(std::string_view proxy, std::vector<std::string> client_ids) override;
  [[nodiscard]] std::optional<downlink::ConnectionPage> connections(std::string_view proxy, std::string_view text,
                                                                    std::size_t limit) override;

 private:
  /// Every worker's part of a listing, put together; nullopt when one does not answer in time. `Part` does it bit by
  /// bit on the worker's thread: step() false when there is nothing left, take() for what it has found.
  template <class Part>
  [[nodiscard]] std::optional<std::vector<typename Part::Found>> gather(const Part& part);

  const std::vector<Worker*> workers_;
  const std::string node_;
  std::timed_mutex listing_;  // one at a time: a listing may be large
};

}  // namespace mqttproxy::net
