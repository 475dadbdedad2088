// Counters without a shared cache line on the packet path: every writer thread owns its set, a scrape sums them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prometheus {
struct MetricFamily;
}

namespace mqttproxy::metrics {

/// One writer thread, any readers. Wraps never (64 bits).
class Counter {
 public:
  void add(std::uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  /// For values that go down again (connections): still one writer.
  void sub(std::uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  /// For values that are looked at now and then.
  void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A counter many threads add to; for rare events only.
class SharedCounter {
 public:
  void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// The counters of one writer thread, indexed by an enum class with Count_.
template <class E>
struct alignas(64) CounterSet {
  std::array<Counter, static_cast<std::size_t>(E::Count_)> counters;
  [[nodiscard]] Counter& operator[](E e) noexcept { return counters[static_cast<std::size_t>(e)]; }
  [[nodiscard]] const Counter& operator[](E e) const noexcept { return counters[static_cast<std::size_t>(e)]; }
};

using Labels = std::vector<std::pair<std::string, std::string>>;

/// What a collector writes into during one scrape. Samples of one family may be added in any order.
class Scrape {
 public:
  void counter(std::string_view name, std::string_view help, double value, Labels labels = {});
  void gauge(std::string_view name, std::string_view help, double value, Labels labels = {});
  /// `upper_bounds` ascending, in the metric's unit; `counts` one more than bounds (the last is +Inf), not cumulative.
  void histogram(std::string_view name, std::string_view help, const std::vector<double>& upper_bounds,
                 const std::vector<std::uint64_t>& counts, double sum, Labels labels = {});

 private:
  friend class Registry;
  prometheus::MetricFamily& family(std::string_view name, std::string_view help, int type);
  std::vector<prometheus::MetricFamily> families_;

 public:
  Scrape();
  ~Scrape();
  Scrape(const Scrape&) = delete;
  Scrape& operator=(const Scrape&) = delete;
};

/// Collectors, asked at every scrape. Thread: any.
class Registry {
 public:
  using Collector = std::function<void(Scrape&)>;
  /// Keeps the collector until the Handle is destroyed: what it reads must live at least as long as the Handle.
  class Handle {
   public:
    Handle() = default;
    Handle(Handle&& other) noexcept : registry_(std::exchange(other.registry_, nullptr)), id_(other.id_) {}
    Handle& operator=(Handle&& other) noexcept;
    ~Handle();

   private:
    friend class Registry;
    Handle(Registry* registry, std::uint64_t id) : registry_(registry), id_(id) {}
    Registry* registry_ = nullptr;
    std::uint64_t id_ = 0;
  };

  [[nodiscard]] Handle add(Collector collector);
  /// Prometheus text format 0.0.4.
  [[nodiscard]] std::string serialize() const;

 private:
  void remove(std::uint64_t id);
  mutable std::mutex mutex_;
  std::vector<std::pair<std::uint64_t, Collector>> collectors_;
  std::uint64_t next_id_ = 1;
};

}  // namespace mqttproxy::metrics
