#include "client_auth.hpp"

#include <stdexcept>
#include <utility>

#include <openssl/crypto.h>

namespace mqttproxy::filters {

namespace {

using pipeline::FilterResult;

/// What an unknown user is compared with, so that the answer takes as long as a known user's.
constexpr Sha256Digest kNobody{};

}  // namespace

ClientAuth::ClientAuth(ClientAuthOptions options)
    : options_(std::move(options)), sha256_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), state_(EVP_MD_CTX_new()) {
  if (!sha256_ || !state_) throw std::runtime_error("OpenSSL does not provide SHA-256");
  for (const auto& [name, credential] : options_.users) {
    if (credential.slow) decoy_ = credential.slow;
  }
}

FilterResult ClientAuth::fail(pipeline::Context& context) noexcept {
  context.refuse(mqtt::ConnectReturnCode::BadUserNameOrPassword, "wrong or missing credentials");
  return kAuthFail;
}

FilterResult ClientAuth::handle(pipeline::Context& context) noexcept {
  if (context.type != mqtt::PacketType::Connect) return pipeline::kSuccess;
  if (context.connect == nullptr) return fail(context);
  const mqtt::Connect& packet = *context.connect;
  const auto user = packet.username ? options_.users.find(*packet.username) : options_.users.end();
  const bool known = user != options_.users.end();
  const bool may_pass = known && packet.password.has_value();
  const bool matches =
      matches_digest(packet.password.value_or(std::string_view()), known ? user->second.digest : kNobody);
  if (known ? user->second.slow != nullptr : decoy_ != nullptr) {
    return verify_slowly(context, known ? user->second.slow : decoy_, may_pass);
  }
  if (!matches || !may_pass) return fail(context);
  if (context.client.client_id.empty()) {
    context.refuse(mqtt::ConnectReturnCode::NotAuthorized, "empty client id");
    return kAuthFail;
  }
  return pipeline::kSuccess;
}

FilterResult ClientAuth::verify_slowly(pipeline::Context& context, std::shared_ptr<const PasswordHash> hash,
                                       bool may_pass) noexcept {
  if (context.suspender == nullptr || options_.hashing == nullptr) return fail(context);
  try {
    auto check = [resume = context.suspender->suspend(), hash = std::move(hash), may_pass,
                  password = std::string(context.connect->password.value_or(std::string_view()))] {
      resume(hash->verify(password) && may_pass ? pipeline::kSuccess : kAuthFail);
    };
    if (options_.hashing->submit(std::move(check))) return pipeline::kPending;
  } catch (const std::exception&) {  // out of memory or threads: the same answer as a full queue
  }
  context.refuse(mqtt::ConnectReturnCode::ServerUnavailable, "too many passwords wait to be checked");
  return kAuthFail;
}

void ClientAuth::replay(pipeline::Context& context, FilterResult result) noexcept {
  if (result != pipeline::kSuccess) fail(context);
}

bool ClientAuth::matches_digest(std::string_view password, const Sha256Digest& expected) noexcept {
  // Both hashes are always computed and compared: a match must not be faster than a mismatch.
  bool matches = false;
  if (options_.order != HashOrder::SaltPassword) matches |= equals_hash_of(password, options_.salt, expected);
  if (options_.order != HashOrder::PasswordSalt) matches |= equals_hash_of(options_.salt, password, expected);
  return matches;
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

}  // namespace mqttproxy::filters
