#include "mqttproxy/util/base64.hpp"

#include <array>
#include <string_view>

#include <gtest/gtest.h>
#include <openssl/evp.h>

namespace mqttproxy::util {
namespace {

TEST(Base64, TheVectorsOfRfc4648) {
  static constexpr std::array<std::array<std::string_view, 2>, 7> kVectors = {{{"", ""},
                                                                               {"Zg==", "f"},
                                                                               {"Zm8=", "fo"},
                                                                               {"Zm9v", "foo"},
                                                                               {"Zm9vYg==", "foob"},
                                                                               {"Zm9vYmE=", "fooba"},
                                                                               {"Zm9vYmFy", "foobar"}}};
  for (const auto& [encoded, decoded] : kVectors) {
    std::string text(encoded);
    EXPECT_TRUE(base64_decode(text)) << encoded;
    EXPECT_EQ(text, decoded);
  }
}

TEST(Base64, EveryByteValueInEveryPosition) {
  for (std::size_t size = 1; size <= 4; ++size) {
    for (unsigned value = 0; value < 256; ++value) {
      const std::string bytes(size, static_cast<char>(value));
      std::string text(8, '\0');
      const int length =
          EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                          reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
      text.resize(static_cast<std::size_t>(length));
      ASSERT_TRUE(base64_decode(text));
      ASSERT_EQ(text, bytes);
    }
  }
}

TEST(Base64, NothingButTheStandardAlphabetWithPadding) {
  for (const char* wrong : {"!!", "aGk", "aGk=aGk=", "=", "====", "a===", "aG=k", "aGk-", "aGk_", "aG k", "aGkK\n",
                            "aGkK\r\n", " aGk", "aGk=\n", "aGk\xC3"}) {
    std::string text = wrong;
    EXPECT_FALSE(base64_decode(text)) << wrong;
  }
}

}  // namespace
}  // namespace mqttproxy::util
