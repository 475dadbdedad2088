#include "password_hash.hpp"

#include <array>
#include <charconv>
#include <span>
#include <stdexcept>
#include <vector>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "mqttproxy/filters/hash_password.hpp"

namespace mqttproxy::filters {

namespace {

constexpr std::uint64_t kMaxScryptMemory = 256ULL << 20U;

// Of new hashes.
constexpr unsigned kLn = 15;
constexpr unsigned kR = 8;
constexpr unsigned kP = 1;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// "name=123" within [min, max].
std::optional<std::uint32_t> parameter(std::string_view text, std::string_view name, std::uint32_t min,
                                       std::uint32_t max) {
  if (!text.starts_with(name) || text.size() <= name.size() || text[name.size()] != '=') return std::nullopt;
  text.remove_prefix(name.size() + 1);
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max) return std::nullopt;
  return value;
}

/// Base64 without padding, `min`..`max` bytes decoded.
std::optional<std::string> decode(std::string_view text, std::size_t min, std::size_t max) {
  const std::size_t bytes = text.size() * 3 / 4;
  if (text.size() % 4 == 1 || bytes < min || bytes > max) return std::nullopt;
  std::string padded(text);
  padded.resize((text.size() + 3) / 4 * 4, '=');
  std::string out(padded.size() / 4 * 3, '\0');
  const int decoded =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(padded.data()), static_cast<int>(padded.size()));
  if (decoded < 0 || text.find('=') != std::string_view::npos) return std::nullopt;
  out.resize(bytes);
  return out;
}

/// Base64 without padding.
std::string encode(std::span<const unsigned char> bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  text.resize(text.find_last_not_of('=') + 1);
  return text;
}

}  // namespace

std::string hash_password(std::string_view password) {
  std::array<unsigned char, 16> salt{};
  std::array<unsigned char, 32> hash{};
  if (RAND_bytes(salt.data(), static_cast<int>(salt.size())) != 1 ||
      EVP_PBE_scrypt(password.data(), password.size(), salt.data(), salt.size(), std::uint64_t{1} << kLn, kR, kP,
                     kMaxScryptMemory, hash.data(), hash.size()) != 1) {
    throw std::runtime_error("OpenSSL cannot hash the password");
  }
  return "$scrypt$ln=" + std::to_string(kLn) + ",r=" + std::to_string(kR) + ",p=" + std::to_string(kP) + "$" +
         encode(salt) + "$" + encode(hash);
}

std::optional<PasswordHash> PasswordHash::parse(std::string_view text, std::string& problem) {
  const std::vector<std::string_view> parts = split(text, '$');
  if (parts.size() != 5 || !parts[0].empty()) {
    problem = "no PHC string: $scrypt$ln=15,r=8,p=1$SALT$HASH or $pbkdf2-sha256$i=600000$SALT$HASH is expected";
    return std::nullopt;
  }
  PasswordHash parsed;
  if (parts[1] == "scrypt") {
    const std::vector<std::string_view> costs = split(parts[2], ',');
    const auto ln = costs.size() == 3 ? parameter(costs[0], "ln", 10, 20) : std::nullopt;
    const auto r = costs.size() == 3 ? parameter(costs[1], "r", 1, 32) : std::nullopt;
    const auto p = costs.size() == 3 ? parameter(costs[2], "p", 1, 16) : std::nullopt;
    if (!ln || !r || !p || (std::uint64_t{128} << *ln) * *r > kMaxScryptMemory) {
      problem = "scrypt costs must be ln=10..20, r=1..32, p=1..16 and need at most 256 MiB";
      return std::nullopt;
    }
    parsed.scheme_ = Scheme::Scrypt;
    parsed.n_ = std::uint64_t{1} << *ln;
    parsed.r_ = *r;
    parsed.p_ = *p;
  } else if (parts[1] == "pbkdf2-sha256") {
    const auto iterations = parameter(parts[2], "i", 1'000, 10'000'000);
    if (!iterations) {
      problem = "pbkdf2-sha256 iterations must be i=1000..10000000";
      return std::nullopt;
    }
    parsed.scheme_ = Scheme::Pbkdf2Sha256;
    parsed.iterations_ = *iterations;
  } else {
    problem = "unknown scheme; allowed: scrypt, pbkdf2-sha256";
    return std::nullopt;
  }
  const auto salt = decode(parts[3], 8, 64);
  const auto hash = decode(parts[4], 16, 64);
  if (!salt || !hash) {
    problem = "salt (8..64 bytes) and hash (16..64 bytes) must be base64 without padding";
    return std::nullopt;
  }
  parsed.salt_ = *salt;
  parsed.hash_ = *hash;
  return parsed;
}

bool PasswordHash::verify(std::string_view password) const {
  std::array<unsigned char, 64> computed{};
  const auto* salt = reinterpret_cast<const unsigned char*>(salt_.data());
  const int ok = scheme_ == Scheme::Scrypt
                     ? EVP_PBE_scrypt(password.data(), password.size(), salt, salt_.size(), n_, r_, p_,
                                      2 * kMaxScryptMemory, computed.data(), hash_.size())
                     : PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salt,
                                         static_cast<int>(salt_.size()), static_cast<int>(iterations_), EVP_sha256(),
                                         static_cast<int>(hash_.size()), computed.data());
  return ok == 1 && CRYPTO_memcmp(computed.data(), hash_.data(), hash_.size()) == 0;
}

}  // namespace mqttproxy::filters
