// Reads MQTTClientAuth's keys and its password file.
#include "client_auth_options.hpp"

#include <filesystem>
#include <fstream>
#include <utility>

#include "common.hpp"

namespace mqttproxy::filters {

namespace {

constexpr std::array<std::string_view, 3> kHashOrders = {"any", "passwordSalt", "saltPassword"};
constexpr std::uintmax_t kMaxFileBytes = 64ULL << 20U;

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

HashOrder read_order(config::Object& object) {
  const auto value = object.find_set("hashOrder");
  if (!value) return HashOrder::Any;
  const std::string order = value->as_choice(kHashOrders).value_or("any");
  if (order == "passwordSalt") return HashOrder::PasswordSalt;
  return order == "saltPassword" ? HashOrder::SaltPassword : HashOrder::Any;
}

void read_user(const config::Value& entry, StringMap<Credential>& users) {
  config::Object object(entry);
  object.obsolete("userName", "today it is username");
  object.obsolete("passBase64", "today it is saltedSha256Pass");
  const auto name_value = object.require("username");
  const auto hash_value = object.require("saltedSha256Pass");
  object.finish();
  std::optional<std::string> name;
  if (name_value) name = name_value->as_string();
  if (name && name->empty()) {
    name_value->error("must not be empty");
    name.reset();
  }
  std::optional<Sha256Digest> digest;
  if (hash_value) {
    const std::optional<std::string> hex = hash_value->as_secret();
    if (hex) digest = parse_sha256_hex(*hex);
    if (hex && !digest) hash_value->error("must be 64 hexadecimal digits, the SHA-256 of password and salt");
  }
  if (name && !users.emplace(*name, Credential{digest.value_or(Sha256Digest{}), nullptr}).second) {
    name_value->error("duplicated username " + *name);
  }
}

/// The credential in `text`, or what is wrong with it (which never repeats it).
std::optional<Credential> parse_credential(std::string_view text, std::string& problem) {
  if (text.starts_with('$')) {
    auto hash = PasswordHash::parse(text, problem);
    if (!hash) return std::nullopt;
    return Credential{{}, std::make_shared<const PasswordHash>(std::move(*hash))};
  }
  if (const auto digest = parse_sha256_hex(text)) return Credential{*digest, nullptr};
  problem = "the hash must be 64 hexadecimal digits, $scrypt$… or $pbkdf2-sha256$…";
  return std::nullopt;
}

/// One line "user:hash". User names hold no colon there.
std::string read_line(std::string_view line, StringMap<Credential>& users) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return "user:hash is expected";
  std::string problem;
  auto credential = parse_credential(line.substr(colon + 1), problem);
  if (!credential) return problem;
  const std::string name(line.substr(0, colon));
  return users.emplace(name, std::move(*credential)).second ? "" : "duplicated username " + name;
}

void read_file(const config::Value& value, StringMap<Credential>& users) {
  const auto name = value.as_string();
  if (!name) return;
  const auto path = std::filesystem::path(value.diagnostics().file()).parent_path() / *name;
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  std::ifstream file(path);
  if (error || !file) return value.error("cannot be read: " + path.string());
  if (size > kMaxFileBytes) return value.error("is larger than 64 MiB: " + path.string());
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line.front() == '#') continue;
    const std::string problem = read_line(line, users);
    if (!problem.empty()) value.error(path.string() + ":" + std::to_string(number) + ": " + problem);
  }
}

}  // namespace

std::optional<Sha256Digest> parse_sha256_hex(std::string_view hex) noexcept {
  Sha256Digest digest{};
  if (hex.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const int high = hex_value(hex[2 * i]);
    const int low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return digest;
}

std::optional<ClientAuthOptions> read_client_auth(const config::FilterConfig& config) {
  const Reading reading(config);
  config::Object object(reading.value());
  ignore_common_keys(object);
  ClientAuthOptions options;
  if (const auto salt = object.find_set("salt")) options.salt = salt->as_secret().value_or("");
  options.order = read_order(object);
  const auto file = object.find_set("file");
  if (file) read_file(*file, options.users);
  const auto auth = file ? object.find_set("auth") : object.require("auth");
  if (auth) {
    for (const config::Value& entry : auth->as_list()) read_user(entry, options.users);
  }
  if (options.users.empty() && reading.ok()) (auth ? *auth : *file).warning("is empty: every client is refused");
  object.finish();
  if (!reading.publish()) return std::nullopt;
  return options;
}

std::function<std::unique_ptr<pipeline::Filter>(const pipeline::FilterBuild&)> client_auth_factory(
    util::TaskPool* hashing) {
  return [hashing](const pipeline::FilterBuild& build) -> std::unique_ptr<pipeline::Filter> {
    auto options = read_client_auth(build.config);
    if (!options) return nullptr;
    options->hashing = hashing;
    return std::make_unique<ClientAuth>(std::move(*options));
  };
}

}  // namespace mqttproxy::filters
