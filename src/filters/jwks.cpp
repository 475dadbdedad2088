// Reads a JSON Web Key Set: RFC 7517, with the parameters of RFC 7518 section 6.
#include <algorithm>

#include <nlohmann/json.hpp>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "mqttproxy/util/base64.hpp"

#include "jwt_keys.hpp"

namespace mqttproxy::filters {

using Json = nlohmann::json;

class JwksReader {
 public:
  std::optional<JwtKeys> read(std::string_view json, std::string& problem) {
    const Json document = Json::parse(json, nullptr, false);
    const auto list = document.is_object() ? document.find("keys") : document.end();
    if (list == document.end() || !list->is_array()) {
      problem = R"(no JSON Web Key Set: {"keys": [...]})";
      return std::nullopt;
    }
    for (std::size_t i = 0; i < list->size() && problem.empty(); ++i) {
      read_key((*list)[i], problem);
      if (!problem.empty()) problem.insert(0, "keys[" + std::to_string(i) + "]: ");
    }
    if (problem.empty() && keys_.keys_.empty()) problem = "has no key for RS256 or ES256";
    if (!problem.empty()) return std::nullopt;
    keys_.named_ = true;
    return std::move(keys_);
  }

 private:
  static std::string text(const Json& entry, const char* name) {
    const auto found = entry.find(name);
    return found != entry.end() && found->is_string() ? found->get<std::string>() : std::string();
  }

  /// "" or the one value we can use: members that RFC 7517 makes optional.
  static bool is_usable(const Json& entry, const char* name, std::string_view value) {
    return !entry.contains(name) || text(entry, name) == value;
  }

  void read_key(const Json& entry, std::string& problem) {
    if (!entry.is_object()) {
      problem = "is no JSON object";
      return;
    }
    if (entry.contains("d")) {
      problem = "is a private key: only the public one belongs here";
      return;
    }
    const bool rsa = text(entry, "kty") == "RSA";
    const bool p256 = text(entry, "kty") == "EC" && text(entry, "crv") == "P-256";
    if (!rsa && !p256) return;
    if (!is_usable(entry, "use", "sig") || !is_usable(entry, "alg", rsa ? "RS256" : "ES256")) return;

    JwtKeys::KeyPointer key = rsa ? build_rsa(entry) : build_p256(entry);
    if (!key) {
      problem = "is no valid key";
      return;
    }
    auto made = JwtKeys::make_key(std::move(key), problem);
    if (!made) return;
    if (const auto kid = entry.find("kid"); kid != entry.end()) {
      if (!kid->is_string()) {
        problem = "has a kid that is no text";
        return;
      }
      made->kid = kid->get<std::string>();
    }
    if (made->kid && std::ranges::count(keys_.keys_, made->kid, &JwtKeys::Key::kid) != 0) {
      problem = "has the kid of another key";
      return;
    }
    keys_.keys_.push_back(std::move(*made));
  }

  struct Free {
    void operator()(BIGNUM* number) const noexcept { BN_free(number); }
    void operator()(OSSL_PARAM_BLD* builder) const noexcept { OSSL_PARAM_BLD_free(builder); }
    void operator()(OSSL_PARAM* parameters) const noexcept { OSSL_PARAM_free(parameters); }
    void operator()(EVP_PKEY_CTX* state) const noexcept { EVP_PKEY_CTX_free(state); }
  };

  static JwtKeys::KeyPointer build(const char* type, OSSL_PARAM_BLD* builder) {
    const std::unique_ptr<OSSL_PARAM, Free> parameters(OSSL_PARAM_BLD_to_param(builder));
    const std::unique_ptr<EVP_PKEY_CTX, Free> state(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (!parameters || !state || EVP_PKEY_fromdata_init(state.get()) != 1 ||
        EVP_PKEY_fromdata(state.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
      return nullptr;
    }
    return JwtKeys::KeyPointer(key);
  }

  static JwtKeys::KeyPointer build_rsa(const Json& entry) {
    const auto n = number(entry, "n");
    const auto e = number(entry, "e");
    const std::unique_ptr<OSSL_PARAM_BLD, Free> builder(OSSL_PARAM_BLD_new());
    if (!n || !e || !builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
      return nullptr;
    }
    return build("RSA", builder.get());
  }

  static JwtKeys::KeyPointer build_p256(const Json& entry) {
    const auto x = util::decode_base64url(text(entry, "x"));
    const auto y = util::decode_base64url(text(entry, "y"));
    if (!x || !y || x->size() != 32 || y->size() != 32) return nullptr;
    const std::string point = '\x04' + *x + *y;  // uncompressed
    const std::unique_ptr<OSSL_PARAM_BLD, Free> builder(OSSL_PARAM_BLD_new());
    if (!builder || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
      return nullptr;
    }
    return build("EC", builder.get());
  }

  static std::unique_ptr<BIGNUM, Free> number(const Json& entry, const char* name) {
    const auto bytes = util::decode_base64url(text(entry, name));
    if (!bytes || bytes->empty()) return nullptr;
    return std::unique_ptr<BIGNUM, Free>(
        BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes->data()), static_cast<int>(bytes->size()), nullptr));
  }

  JwtKeys keys_;
};

std::optional<JwtKeys> JwtKeys::from_jwks(std::string_view json, std::string& problem) {
  auto keys = JwksReader().read(json, problem);
  ERR_clear_error();
  return keys;
}

}  // namespace mqttproxy::filters
