#include "page.hpp"

#include <array>

#include <openssl/evp.h>

namespace mqttproxy::http {

/// page/page.html with the others in it; made by CMake.
[[nodiscard]] std::string_view page_text();

namespace {

/// What stands between the tags of the page's only element of that name.
std::string_view inside(std::string_view element) {
  const std::string start = "<" + std::string(element) + ">";
  const std::size_t begin = page_text().find(start) + start.size();
  return page_text().substr(begin, page_text().find("</" + std::string(element) + ">", begin) - begin);
}

/// As a Content-Security-Policy names an inline text.
std::string hash_of(std::string_view text) {
  std::array<unsigned char, 32> digest{};
  std::array<unsigned char, 45> base64{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  const int size = EVP_EncodeBlock(base64.data(), digest.data(), digest.size());
  return "'sha256-" + std::string(base64.begin(), base64.begin() + size) + "'";
}

/// Nothing but this style and this script, requests to nobody but us, in no frame, and no text made into elements.
std::string policy() {
  return "default-src 'none'; script-src " + hash_of(inside("script")) + "; style-src " + hash_of(inside("style")) +
         "; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
         "require-trusted-types-for 'script'; trusted-types 'none'";
}

}  // namespace

Answer page() {
  static const std::string once = policy();
  return {.body = std::string(page_text()),
          .content_type = "text/html; charset=utf-8",
          .headers = {{"Content-Security-Policy", once},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cross-Origin-Opener-Policy", "same-origin"},
                      {"Cross-Origin-Resource-Policy", "same-origin"},
                      {"Cache-Control", "no-cache"}}};
}

}  // namespace mqttproxy::http
