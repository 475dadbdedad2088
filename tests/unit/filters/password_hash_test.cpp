#include "filters/password_hash.hpp"

#include <string>

#include <gtest/gtest.h>

#include "mqttproxy/filters/hash_password.hpp"

namespace mqttproxy::filters {
namespace {

// Computed by Python's hashlib: password "test", salt "saltsaltsalt".
constexpr const char* kScrypt = "$scrypt$ln=10,r=8,p=1$c2FsdHNhbHRzYWx0$vFGsQkpII4x2tZqIxLyLqElZlTrlGm50eeq9L0s+328";
constexpr const char* kPbkdf2 = "$pbkdf2-sha256$i=1000$c2FsdHNhbHRzYWx0$MrznKt6ULHICaxf2lnut8cB6xeHO2Xwmeyg1rDLrhr4";

std::string problem_of(const std::string& text) {
  std::string problem;
  return PasswordHash::parse(text, problem) ? "" : problem;
}

TEST(PasswordHash, VerifiesWhatAnotherImplementationHashed) {
  for (const char* text : {kScrypt, kPbkdf2}) {
    std::string problem;
    const auto hash = PasswordHash::parse(text, problem);
    ASSERT_TRUE(hash) << problem;
    EXPECT_TRUE(hash->verify("test"));
    EXPECT_FALSE(hash->verify("tesT"));
    EXPECT_FALSE(hash->verify(""));
  }
}

TEST(PasswordHash, RefusesWhatIsNoPhcString) {
  for (const char* text : {"", "$", "test", "scrypt$ln=10,r=8,p=1$a$b", "$scrypt$ln=10,r=8,p=1$c2FsdHNhbHRzYWx0",
                           "$scrypt$ln=10,r=8,p=1$c2FsdHNhbHRzYWx0$a$b"}) {
    EXPECT_NE(problem_of(text).find("PHC string"), std::string::npos) << text;
  }
  EXPECT_NE(problem_of("$md5$x$c2FsdHNhbHRzYWx0$c2FsdHNhbHRzYWx0c2Fs").find("allowed: scrypt"), std::string::npos);
}

TEST(PasswordHash, RefusesCostsOutOfBounds) {
  const std::string tail = "$c2FsdHNhbHRzYWx0$vFGsQkpII4x2tZqIxLyLqElZlTrlGm50eeq9L0s+328";
  for (const char* costs : {"ln=9,r=8,p=1", "ln=21,r=8,p=1", "ln=10,r=0,p=1", "ln=10,r=8,p=17", "ln=20,r=8,p=1",
                            "ln=10,r=8", "r=8,ln=10,p=1", "ln=1x,r=8,p=1", "ln=99999999999,r=8,p=1", "ln=,r=8,p=1"}) {
    EXPECT_NE(problem_of("$scrypt$" + std::string(costs) + tail).find("scrypt costs"), std::string::npos) << costs;
  }
  for (const char* costs : {"i=999", "i=10000001", "i=-1", "n=1000", ""}) {
    EXPECT_NE(problem_of("$pbkdf2-sha256$" + std::string(costs) + tail).find("iterations"), std::string::npos) << costs;
  }
}

TEST(PasswordHash, RefusesBadSaltsAndHashes) {
  const std::string head = "$scrypt$ln=10,r=8,p=1$";
  for (const char* tail : {"c2FsdA$vFGsQkpII4x2tZqIxLyLqElZlTrlGm50eeq9L0s+328",  // 4 bytes of salt
                           "c2FsdHNhbHRzYWx0$c2FsdA",                             // 4 bytes of hash
                           "c2FsdHNhbHRzYWx0$vFGsQkpII4x2tZqIxLyLqElZlTrlGm50eeq9L0s+328=",
                           "c2FsdHNhbHRzYWx!$vFGsQkpII4x2tZqIxLyLqElZlTrlGm50eeq9L0s+328"}) {
    EXPECT_NE(problem_of(head + tail).find("base64"), std::string::npos) << tail;
  }
}

TEST(HashPassword, MakesWhatVerifies) {
  std::string problem;
  const std::string first = hash_password("correct horse");
  const auto parsed = PasswordHash::parse(first, problem);
  ASSERT_TRUE(parsed) << problem;
  EXPECT_TRUE(parsed->verify("correct horse"));
  EXPECT_FALSE(parsed->verify("correct horse "));
  EXPECT_NE(hash_password("correct horse"), first) << "the salt is another one";
}

}  // namespace
}  // namespace mqttproxy::filters
