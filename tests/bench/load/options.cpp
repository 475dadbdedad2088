#include "load/options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <limits>
#include <string_view>

namespace mqttproxy::bench {
namespace {

template <typename Number>
Number parse_number(std::string_view name, std::string_view text, Number least, Number most) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= least && value <= most)) {
    throw UsageError(std::string(name) + ": not a number from " + std::to_string(least) + " to " +
                     std::to_string(most) + ": " + std::string(text));
  }
  return value;
}

/// Which modes know an option.
enum ModeBits : unsigned { kUplink = 1, kIdle = 2, kConnect = 4, kFirst = 8, kFanout = 16, kAll = 31 };

struct OptionRow {
  std::string_view name;
  unsigned modes;
  void (*set)(Options&, std::string_view name, std::string_view value);
};

constexpr double kDay = 86'400;
constexpr std::uint64_t kManyMessages = 1'000'000'000'000;
constexpr std::uint64_t kManyConnections = 1'000'000;

template <std::string Options::*member>
void set_text(Options& options, std::string_view, std::string_view value) {
  options.*member = value;
}

template <Seconds Options::*member>
void set_seconds(Options& options, std::string_view name, std::string_view value) {
  options.*member = Seconds{parse_number<double>(name, value, 0, kDay)};
}

template <auto member, std::uint64_t least, std::uint64_t most>
void set_count(Options& options, std::string_view name, std::string_view value) {
  using Number = std::remove_reference_t<decltype(options.*member)>;
  options.*member = parse_number<Number>(name, value, static_cast<Number>(least), static_cast<Number>(most));
}

constexpr auto kOptions = std::to_array<OptionRow>({
    {"--host", kAll, [](Options& o, std::string_view, std::string_view v) { o.target.host = v; }},
    {"--port", kAll,
     [](Options& o, std::string_view n, std::string_view v) {
       o.target.port = parse_number<std::uint16_t>(n, v, 1, std::numeric_limits<std::uint16_t>::max());
     }},
    {"--pid", kUplink | kIdle | kConnect | kFanout,
     [](Options& o, std::string_view n, std::string_view v) {
       o.pid = parse_number<pid_t>(n, v, 1, std::numeric_limits<pid_t>::max());
     }},
    {"--client-prefix", kAll, set_text<&Options::client_prefix>},
    {"--username", kAll, set_text<&Options::username>},
    {"--password", kAll, set_text<&Options::password>},
    {"--timeout", kAll, set_seconds<&Options::timeout>},
    {"--connections", kUplink | kIdle | kFanout, set_count<&Options::connections, 1, kManyConnections>},
    {"--qos", kUplink | kFanout, set_count<&Options::qos, 0, 2>},
    {"--window", kUplink, set_count<&Options::window, 1, 16'384>},
    {"--payload", kUplink | kFirst | kFanout, set_count<&Options::payload_bytes, 0, 1'000'000>},
    {"--topic", kUplink | kFirst | kFanout, set_text<&Options::topic>},
    {"--messages", kUplink | kFanout, set_count<&Options::messages, 1, kManyMessages>},
    {"--seconds", kUplink | kFanout, set_seconds<&Options::duration>},
    {"--warmup", kUplink | kFanout, set_seconds<&Options::warmup>},
    {"--rate", kUplink,
     [](Options& o, std::string_view n, std::string_view v) { o.rate = parse_number<double>(n, v, 0.1, 10e6); }},
    {"--count", kConnect, set_count<&Options::count, 1, kManyMessages>},
    {"--concurrency", kConnect | kIdle | kFanout, set_count<&Options::concurrency, 1, 10'000>},
    {"--tls", kConnect | kIdle,
     [](Options& o, std::string_view n, std::string_view v) {
       if (v != "full" && v != "resumed") throw UsageError(std::string(n) + ": full or resumed: " + std::string(v));
       o.tls = v == "full" ? TlsMode::Full : TlsMode::Resumed;
     }},
    {"--hold", kIdle, set_seconds<&Options::hold>},
    {"--http-port", kFanout, set_count<&Options::http_port, 1, 65'535>},
    {"--proxy", kFanout, set_text<&Options::proxy>},
});

struct ModeName {
  std::string_view name;
  Mode mode;
  unsigned bit;
};

constexpr auto kModes = std::to_array<ModeName>({{"uplink", Mode::Uplink, kUplink},
                                                 {"idle", Mode::Idle, kIdle},
                                                 {"connect", Mode::Connect, kConnect},
                                                 {"first", Mode::First, kFirst},
                                                 {"fanout", Mode::Fanout, kFanout}});

void set_fanout_defaults(Options& options) {
  options.connections = 1'000;
  options.concurrency = 1;
  options.topic = "bench/fanout";
}

void check_together(const Options& options, bool has_messages, bool has_seconds) {
  if (has_messages && has_seconds) throw UsageError("--messages and --seconds exclude each other");
  if (options.username.empty() && !options.password.empty()) throw UsageError("--password needs --username");
  constexpr std::size_t kLongestText = 65'535;
  for (const std::string* text : {&options.client_prefix, &options.username, &options.password, &options.topic}) {
    if (text->size() > kLongestText) throw UsageError("a text is longer than MQTT's 65,535 bytes");
  }
  if (options.topic.empty()) throw UsageError("--topic must not be empty");
  if (options.mode != Mode::Fanout) return;
  constexpr std::size_t kMostFanoutBytes = 16'384;  // what a socket's buffer takes at once
  if (options.qos > 1) throw UsageError("--qos: fanout knows 0 and 1");
  if (options.payload_bytes < kFewestFanoutBytes || options.payload_bytes > kMostFanoutBytes) {
    throw UsageError("--payload: fanout takes 20 to 16,384 bytes");
  }
}

}  // namespace

Options parse_options(std::span<const char* const> arguments) {
  if (arguments.empty()) throw UsageError("a mode is missing");
  Options options;
  const auto mode = std::ranges::find(kModes, std::string_view(arguments[0]), &ModeName::name);
  if (mode == kModes.end()) throw UsageError(std::string("no such mode: ") + arguments[0]);
  options.mode = mode->mode;
  if (options.mode == Mode::Fanout) set_fanout_defaults(options);

  bool has_messages = false;
  bool has_seconds = false;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (name == "--json") {
      options.json = true;
      continue;
    }
    const auto row = std::ranges::find(kOptions, name, &OptionRow::name);
    if (row == kOptions.end()) throw UsageError("no such option: " + std::string(name));
    if ((row->modes & mode->bit) == 0) {
      throw UsageError(std::string(name) + " has no meaning for " + std::string(mode->name));
    }
    if (++i == arguments.size()) throw UsageError(std::string(name) + " needs a value");
    row->set(options, name, arguments[i]);
    has_messages |= name == "--messages";
    has_seconds |= name == "--seconds";
  }
  check_together(options, has_messages, has_seconds);
  return options;
}

std::chrono::milliseconds wait_step(Seconds timeout) {
  return std::chrono::ceil<std::chrono::milliseconds>(std::min(timeout, Seconds{1}));
}

const char* usage() {
  return R"(usage: mqttload MODE [--option value]…

modes
  uplink   publish and check every acknowledgement; messages/s, latency, the server's CPU time per message
  idle     open connections that do nothing; the server's memory per connection
  connect  CONNECT, CONNACK, DISCONNECT over and over; rate and the server's CPU time each
  fanout   subscribers of one topic, publishers that go on when all of them have the message; the server's CPU time
           per delivery and per message
  first    try until one QoS 1 message has been acknowledged; prints when (CLOCK_MONOTONIC, ns)

all modes
  --host A.B.C.D   127.0.0.1       --port N        1883
  --username U     none            --password P    none
  --client-prefix  bench-          --timeout S     30, without any progress
  --json           the result as one JSON object
  --pid N          the server's process (not for first)

uplink
  --connections N  50              --qos 0|1|2     1
  --window N       32, unacknowledged messages per connection (QoS 0: messages per write)
  --payload B      256             --topic T       bench/%c (%c is the connection's number)
  --messages N | --seconds S       5 seconds, measured after
  --warmup S       1
  --rate R         messages/s over all connections, evenly paced; latency counts from the due time

idle               --connections N 50, --concurrency C 50 (being opened at once), --hold S 2
connect            --count N 10000, --concurrency C 50
  --tls full|resumed   both: each handshake from nothing, or with the ticket of the one before
first              --payload B, --topic T
fanout
  --connections N  1000 subscribers  --concurrency C  1, publishers with one message under way each
  --qos 0|1        1                 --payload B      256
  --topic T        bench/fanout      --messages N | --seconds S, --warmup S   as for uplink
  --http-port N    publish by POST to this port instead of by MQTT
  --proxy NAME     bench, in the path of the POST

exit code: 0 done; 1 the server refused, closed, stalled or acknowledged wrongly; 2 usage
)";
}

}  // namespace mqttproxy::bench
