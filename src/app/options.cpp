#include "options.hpp"

#include <CLI/CLI.hpp>

#include "exit_code.hpp"

namespace mqttproxy::app {

namespace {

constexpr const char* kExamples = R"(Examples:
  mqttproxy --config /etc/mqttproxy/mqttproxy.yaml
  mqttproxy check mqttproxy.yaml
  mqttproxy check mqttproxy.yaml --connect
  mqttproxy explain --config mqttproxy.yaml --topic gateway/g1/iphone/log
  mqttproxy hash-password --username sensor1 >> users
  mqttproxy tail --config mqttproxy.yaml --from-beginning

Exit codes: 0 clean end, 1 failure at run time, 2 configuration or command line wrong.)";

}  // namespace

Command parse_command_line(int argc, const char* const* argv) {
  CLI::App app("MQTT to Apache Kafka proxy: a device is acknowledged when Kafka has its message.", "mqttproxy");
  app.footer(kExamples);
  app.set_version_flag("--version", "mqttproxy " MQTTPROXY_VERSION);

  RunOptions run;
  app.add_option("--config", run.config, "Run in the foreground with this configuration file");

  CheckOptions check;
  CLI::App* check_command = app.add_subcommand("check", "Validate a configuration file and exit");
  check_command->add_option("FILE", check.config, "The configuration file")->required();
  check_command->add_flag("--connect", check.connect, "Also ask Kafka for the downlink topic; makes nothing");

  ExplainOptions explain;
  CLI::App* explain_command = app.add_subcommand(
      "explain", "Show what a PUBLISH would become: route, Kafka topic, key, partition, headers. Produces nothing");
  explain_command->add_option("--config", explain.config, "The configuration file")->required();
  explain_command->add_option("--topic", explain.question.topic, "MQTT topic name")->required();
  explain_command->add_option("--client-id", explain.question.client_id, "Client id of the device")
      ->capture_default_str();
  explain_command->add_option("--username", explain.question.username, "User name of the device");
  explain_command->add_option("--proxy", explain.question.proxy, "Name of the MQTTProxy, when there are several");
  explain_command->add_option("--payload", explain.question.payload, "Payload");
  explain_command->add_option("--qos", explain.question.qos, "QoS")->check(CLI::Range(0, 2))->capture_default_str();
  explain_command->add_flag("--retain", explain.question.retain, "RETAIN flag set");

  HashPasswordOptions hash_password;
  CLI::App* hash_password_command = app.add_subcommand(
      "hash-password", "Read a password from standard input and print a line for a password file (scrypt)");
  hash_password_command->add_option("--username", hash_password.username, "Print USERNAME:HASH");

  TailOptions tail;
  CLI::App* tail_command =
      app.add_subcommand("tail", "Print records as they arrive in Kafka: topic, key, headers, payload");
  tail_command->add_option("--config", tail.config, "The configuration file")->required();
  tail_command->add_option("--topic", tail.topics, "Kafka topic; may be repeated. Without: those of the configuration");
  tail_command->add_option("--backend", tail.backends, "Broker, HOST:PORT, instead of those of the configuration");
  tail_command->add_flag("--from-beginning", tail.from_beginning, "From the oldest records there are");
  tail_command->add_option("--count", tail.count, "End after so many records; 0: never")->capture_default_str();
  app.require_subcommand(0, 1);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  if (check_command->parsed()) return check;
  if (explain_command->parsed()) return explain;
  if (hash_password_command->parsed()) return hash_password;
  if (tail_command->parsed()) return tail;
  if (run.config.empty()) {
    std::cerr << "mqttproxy: --config FILE is needed (see --help)\n";
    return kExitUsage;
  }
  return run;
}

}  // namespace mqttproxy::app
