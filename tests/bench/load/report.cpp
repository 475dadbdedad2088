#include "load/report.hpp"

#include <cstdarg>
#include <cstdio>

#include <nlohmann/json.hpp>

namespace mqttproxy::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kKib = 1024.0;

double seconds(Nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}
double microseconds(Nanoseconds time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

double per_item(std::chrono::microseconds time, std::uint64_t items) {
  return items == 0 ? 0.0 : static_cast<double>(time.count()) / static_cast<double>(items);
}

__attribute__((format(printf, 1, 2))) std::string format(const char* pattern, ...) {
  std::array<char, 512> line{};
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(line.data(), line.size(), pattern, arguments);
  va_end(arguments);
  return line.data();
}

Json latency_json(const Histogram& latency) {
  if (latency.count() == 0) return nullptr;
  return {{"p50", microseconds(latency.percentile(0.50))},
          {"p95", microseconds(latency.percentile(0.95))},
          {"p99", microseconds(latency.percentile(0.99))},
          {"max", microseconds(latency.max())}};
}

std::string latency_text(const char* what, const Histogram& latency) {
  if (latency.count() == 0) return "";
  return format("%s ms: p50 %.3f  p95 %.3f  p99 %.3f  max %.3f\n", what, microseconds(latency.percentile(0.5)) / 1000,
                microseconds(latency.percentile(0.95)) / 1000, microseconds(latency.percentile(0.99)) / 1000,
                microseconds(latency.max()) / 1000);
}

Json cpu_json(const std::optional<CpuTime>& cpu, std::uint64_t items) {
  if (!cpu) return nullptr;
  return {{"total", per_item(cpu->total(), items)},
          {"user", per_item(cpu->user, items)},
          {"system", per_item(cpu->system, items)}};
}

std::string cpu_text(const char* who, const std::optional<CpuTime>& cpu, std::uint64_t items, const char* item) {
  if (!cpu) return "";
  return format("%s: %.2f us CPU per %s (user %.2f, system %.2f)\n", who, per_item(cpu->total(), items), item,
                per_item(cpu->user, items), per_item(cpu->system, items));
}

template <typename Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}

}  // namespace

std::string report(const Options& options, const UplinkResult& result) {
  const double rate = static_cast<double>(result.messages) / seconds(result.elapsed);
  if (options.json) {
    return Json{{"mode", "uplink"},
                {"qos", options.qos},
                {"connections", options.connections},
                {"window", options.window},
                {"payload_bytes", options.payload_bytes},
                {"messages", result.messages},
                {"seconds", seconds(result.elapsed)},
                {"per_second", rate},
                {"latency_us", latency_json(result.latency)},
                {"server_cpu_us", cpu_json(result.server_cpu, result.messages)},
                {"server_resident_bytes", or_null(result.server_resident_bytes)},
                {"own_cpu_us", cpu_json(result.own_cpu, result.messages)}}
               .dump() +
           "\n";
  }
  std::string text =
      format("%.0f messages/s: %llu in %.2f s (QoS %u, %llu connections, window %u, %zu bytes)\n", rate,
             static_cast<unsigned long long>(result.messages), seconds(result.elapsed), options.qos,
             static_cast<unsigned long long>(options.connections), options.window, options.payload_bytes);
  text += latency_text("acknowledged after", result.latency);
  text += cpu_text("server", result.server_cpu, result.messages, "message");
  text += cpu_text("load generator", result.own_cpu, result.messages, "message");
  if (result.server_resident_bytes) {
    text += format("server RSS: %.1f MiB\n", static_cast<double>(*result.server_resident_bytes) / kKib / kKib);
  }
  return text;
}

std::string report(const Options& options, const IdleResult& result) {
  const auto connections = static_cast<double>(result.connections);
  std::optional<double> bytes_each;
  if (result.resident_before && result.resident_after) {
    bytes_each =
        (static_cast<double>(*result.resident_after) - static_cast<double>(*result.resident_before)) / connections;
  }
  std::optional<double> cpu_share;
  if (result.hold_cpu && options.hold > Seconds{0}) {
    cpu_share = std::chrono::duration<double>(result.hold_cpu->total()).count() / options.hold.count();
  }
  if (options.json) {
    return Json{{"mode", "idle"},
                {"connections", result.connections},
                {"connect_seconds", seconds(result.connect_elapsed)},
                {"resident_bytes_before", or_null(result.resident_before)},
                {"resident_bytes_after", or_null(result.resident_after)},
                {"resident_bytes_per_connection", or_null(bytes_each)},
                {"hold_cpu_share", or_null(cpu_share)}}
               .dump() +
           "\n";
  }
  std::string text = format("%.0f connections opened in %.2f s, none closed for %.1f s\n", connections,
                            seconds(result.connect_elapsed), options.hold.count());
  if (bytes_each) {
    text += format("server RSS: %.1f MiB before, %.1f MiB after, %.0f bytes per connection\n",
                   static_cast<double>(*result.resident_before) / kKib / kKib,
                   static_cast<double>(*result.resident_after) / kKib / kKib, *bytes_each);
  }
  if (cpu_share) text += format("server CPU while idle: %.2f %% of one core\n", *cpu_share * 100);
  return text;
}

std::string report(const Options& options, const ConnectResult& result) {
  const double rate = static_cast<double>(result.count) / seconds(result.elapsed);
  if (options.json) {
    return Json{{"mode", "connect"},
                {"count", result.count},
                {"tls_resumed", result.resumed},
                {"concurrency", options.concurrency},
                {"seconds", seconds(result.elapsed)},
                {"per_second", rate},
                {"latency_us", latency_json(result.latency)},
                {"server_cpu_us", cpu_json(result.server_cpu, result.count)},
                {"own_cpu_us", cpu_json(result.own_cpu, result.count)}}
               .dump() +
           "\n";
  }
  std::string text = format("%.0f connections/s: %llu in %.2f s, %llu at a time\n", rate,
                            static_cast<unsigned long long>(result.count), seconds(result.elapsed),
                            static_cast<unsigned long long>(options.concurrency));
  if (options.tls) text += format("%llu TLS handshakes resumed\n", static_cast<unsigned long long>(result.resumed));
  text += latency_text("CONNACK after", result.latency);
  text += cpu_text("server", result.server_cpu, result.count, "connection");
  text += cpu_text("load generator", result.own_cpu, result.count, "connection");
  return text;
}

std::string report(const Options& options, const FirstResult& result) {
  if (options.json) {
    return Json{{"mode", "first"},
                {"connected_at_ns", result.connected_at.count()},
                {"acknowledged_at_ns", result.acknowledged_at.count()}}
               .dump() +
           "\n";
  }
  return format("acknowledged %.3f ms after the connection was accepted\n",
                microseconds(result.acknowledged_at - result.connected_at) / 1000);
}

std::string report(const Options& options, const FanoutResult& result) {
  const double rate = static_cast<double>(result.deliveries) / seconds(result.elapsed);
  const char* const publisher = options.http_port == 0 ? "mqtt" : "http";
  if (options.json) {
    return Json{{"mode", "fanout"},
                {"publisher", publisher},
                {"qos", options.qos},
                {"subscribers", options.connections},
                {"concurrency", options.concurrency},
                {"payload_bytes", options.payload_bytes},
                {"messages", result.messages},
                {"deliveries", result.deliveries},
                {"seconds", seconds(result.elapsed)},
                {"per_second", rate},
                {"latency_us", latency_json(result.latency)},
                {"answer_latency_us", latency_json(result.answer_latency)},
                {"server_cpu_us", cpu_json(result.server_cpu, result.deliveries)},
                {"server_cpu_us_per_message", cpu_json(result.server_cpu, result.messages)},
                {"own_cpu_us", cpu_json(result.own_cpu, result.deliveries)}}
               .dump() +
           "\n";
  }
  std::string text = format(
      "%.0f deliveries/s: %llu messages to %llu subscribers in %.2f s (%s, QoS %u, %llu at once, "
      "%zu bytes)\n",
      rate, static_cast<unsigned long long>(result.messages), static_cast<unsigned long long>(options.connections),
      seconds(result.elapsed), publisher, options.qos, static_cast<unsigned long long>(options.concurrency),
      options.payload_bytes);
  text += latency_text("delivered after", result.latency);
  text += latency_text("answered after", result.answer_latency);
  text += cpu_text("server", result.server_cpu, result.deliveries, "delivery");
  text += cpu_text("server", result.server_cpu, result.messages, "message");
  text += cpu_text("load generator", result.own_cpu, result.deliveries, "delivery");
  return text;
}

}  // namespace mqttproxy::bench
