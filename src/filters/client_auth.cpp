#include "client_auth.hpp"

#include <stdexcept>
#include <utility>

#include <openssl/crypto.h>

#include "common.hpp"

namespace mqttproxy::filters {

namespace {

using pipeline::FilterResult;

constexpr std::array<std::string_view, 3> kHashOrders = {"any", "passwordSalt", "saltPassword"};

/// What an unknown user is compared with, so that the answer takes as long as a known user's.
constexpr Sha256Digest kNobody{};

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Asked of an Object of its own, so that no list of allowed keys names it.
void refuse_file(const config::Value& value) {
  const auto file = config::Object(value).find("file");
  if (file) file->error("not supported in this version: list the users under auth");
}

HashOrder read_order(config::Object& object) {
  const auto value = object.find_set("hashOrder");
  if (!value) return HashOrder::Any;
  const std::string order = value->as_choice(kHashOrders).value_or("any");
  if (order == "passwordSalt") return HashOrder::PasswordSalt;
  return order == "saltPassword" ? HashOrder::SaltPassword : HashOrder::Any;
}

void read_user(const config::Value& entry, StringMap<Sha256Digest>& users) {
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
  if (name && !users.emplace(*name, digest.value_or(kNobody)).second) {
    name_value->error("duplicated username " + *name);
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

ClientAuth::ClientAuth(ClientAuthOptions options)
    : options_(std::move(options)), sha256_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), state_(EVP_MD_CTX_new()) {
  if (!sha256_ || !state_) throw std::runtime_error("OpenSSL does not provide SHA-256");
}

FilterResult ClientAuth::handle(pipeline::Context& context) noexcept {
  if (context.type != mqtt::PacketType::Connect) return pipeline::kSuccess;
  if (context.connect == nullptr || !authenticate(*context.connect)) {
    context.refuse(mqtt::ConnectReturnCode::BadUserNameOrPassword, "wrong or missing credentials");
    return kAuthFail;
  }
  if (context.client.client_id.empty()) {
    context.refuse(mqtt::ConnectReturnCode::NotAuthorized, "empty client id");
    return kAuthFail;
  }
  return pipeline::kSuccess;
}

bool ClientAuth::authenticate(const mqtt::Connect& packet) noexcept {
  const auto user = packet.username ? options_.users.find(*packet.username) : options_.users.end();
  const bool known = user != options_.users.end();
  const Sha256Digest& expected = known ? user->second : kNobody;
  const std::string_view password = packet.password.value_or(std::string_view());
  // Both hashes are always computed and compared: a match must not be faster than a mismatch.
  bool matches = false;
  if (options_.order != HashOrder::SaltPassword) matches |= equals_hash_of(password, options_.salt, expected);
  if (options_.order != HashOrder::PasswordSalt) matches |= equals_hash_of(options_.salt, password, expected);
  return matches && known && packet.password.has_value();
}

bool ClientAuth::equals_hash_of(std::string_view first, std::string_view second,
                                const Sha256Digest& expected) noexcept {
  Sha256Digest digest{};
  const bool hashed = EVP_DigestInit_ex2(state_.get(), sha256_.get(), nullptr) == 1 &&
                      EVP_DigestUpdate(state_.get(), first.data(), first.size()) == 1 &&
                      EVP_DigestUpdate(state_.get(), second.data(), second.size()) == 1 &&
                      EVP_DigestFinal_ex(state_.get(), digest.data(), nullptr) == 1;
  return CRYPTO_memcmp(digest.data(), expected.data(), digest.size()) == 0 && hashed;
}

std::unique_ptr<pipeline::Filter> ClientAuth::make(const pipeline::FilterBuild& build) {
  const Reading reading(build.config);
  config::Object object(reading.value());
  ignore_common_keys(object);
  ClientAuthOptions options;
  if (const auto salt = object.find_set("salt")) options.salt = salt->as_secret().value_or("");
  options.order = read_order(object);
  refuse_file(reading.value());
  object.ignore("file");
  if (const auto auth = object.require("auth")) {
    for (const config::Value& entry : auth->as_list()) read_user(entry, options.users);
    if (options.users.empty() && reading.ok()) auth->warning("is empty: every client is refused");
  }
  object.finish();
  if (!reading.publish()) return nullptr;
  return std::make_unique<ClientAuth>(std::move(options));
}

}  // namespace mqttproxy::filters
