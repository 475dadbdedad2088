#include <cctype>
#include <filesystem>
#include <fstream>
#include <future>
#include <tuple>

#include <gtest/gtest.h>

#include "config_case.hpp"
#include "filter_bench.hpp"

namespace mqttproxy::filters {
namespace {

using mqtt::ConnectReturnCode;
using pipeline::Action;

// The acceptance vectors: salt abcfdlfkjaslfkalfjslfskfjslf, test/test and admin/admin as password‖salt.
const std::string kVectors = R"(filters:
- name: auth
  kind: MQTTClientAuth
  salt: abcfdlfkjaslfkalfjslfskfjslf
  auth:
  - username: test
    saltedSha256Pass: a598729b6938f20d9f40568bebd52d57a94cbc56361c6cb9cc8ca27f6043b406
  - username: admin
    saltedSha256Pass: 1606d7be9f74c075e1e2b5085657f9aee7c6cf01f8ab1eea1308324d58e36440
)";

// salt/test/test: the page's example is salt‖password, the product's code hashes password‖salt.
constexpr const char* kSaltFirst = "1bc1a361f17092bc7af4b2f82bf9194ea9ee2ca49eb2e53e39f555bc1eeaed74";
constexpr const char* kPasswordFirst = "4edf07edc95b2fdcbcaf2378fd12d8ac212c2aa6e326c59c3e629be3039d6432";

std::string with_hash(const std::string& hash, const std::string& order = "") {
  return "filters:\n- name: auth\n  kind: MQTTClientAuth\n  salt: salt\n" +
         (order.empty() ? "" : "  hashOrder: " + order + "\n") + "  auth: [{username: test, saltedSha256Pass: " + hash +
         "}]\n";
}

class ClientAuthTest : public testing::Test {
 protected:
  void load(const std::string& yaml) { ASSERT_TRUE(bench_.load(yaml)) << bench_.document.errors(); }

  Action connect(std::string_view client_id, std::optional<std::string_view> username,
                 std::optional<std::string_view> password) {
    mqtt::Connect packet;
    packet.client_id = client_id;
    packet.username = username;
    packet.password = password;
    bench_.client.client_id = client_id;
    bench_.begin(mqtt::PacketType::Connect);
    bench_.context.connect = &packet;
    EXPECT_EQ(bench_.pipeline->run(bench_.context), pipeline::RunState::Finished);
    return bench_.context.action();
  }

  test::FilterBench bench_;
};

TEST_F(ClientAuthTest, AcceptsAndRefusesTheVectors) {
  load(kVectors);
  EXPECT_EQ(connect("client1", "test", "test"), Action::None);
  EXPECT_EQ(connect("client2", "admin", "admin"), Action::None);
  EXPECT_EQ(connect("client3", "fake", "test"), Action::Refuse);
  EXPECT_EQ(bench_.context.return_code(), ConnectReturnCode::BadUserNameOrPassword);
  EXPECT_EQ(connect("client4", "test", "wrongPass"), Action::Refuse);
  EXPECT_EQ(bench_.context.return_code(), ConnectReturnCode::BadUserNameOrPassword);
  EXPECT_EQ(bench_.context.reason(), "wrong or missing credentials");
  EXPECT_EQ(connect("", "test", "test"), Action::Refuse);
  EXPECT_EQ(bench_.context.return_code(), ConnectReturnCode::NotAuthorized);
  EXPECT_EQ(bench_.context.reason(), "empty client id");
}

TEST_F(ClientAuthTest, RefusesMissingCredentials) {
  load(kVectors);
  EXPECT_EQ(connect("c", std::nullopt, std::nullopt), Action::Refuse);
  EXPECT_EQ(bench_.context.return_code(), ConnectReturnCode::BadUserNameOrPassword);
  EXPECT_EQ(connect("c", "", ""), Action::Refuse);
  EXPECT_EQ(connect("c", "test", std::nullopt), Action::Refuse);
  EXPECT_EQ(connect("c", std::nullopt, "test"), Action::Refuse);
  EXPECT_EQ(connect("", std::nullopt, std::nullopt), Action::Refuse);
  EXPECT_EQ(bench_.context.return_code(), ConnectReturnCode::BadUserNameOrPassword);
}

TEST_F(ClientAuthTest, OneUsersPasswordIsNotAnothers) {
  load(kVectors);
  EXPECT_EQ(connect("c", "test", "admin"), Action::Refuse);
  EXPECT_EQ(connect("c", "admin", "test"), Action::Refuse);
  EXPECT_EQ(connect("c", "Test", "test"), Action::Refuse);
}

TEST_F(ClientAuthTest, AnAbsentPasswordIsNotTheEmptyOne) {
  load(with_hash("63479ad69a090b258277ec8fba6f99419a2ffb248981510657c944ccd1148e97"));  // sha256("salt")
  EXPECT_EQ(connect("c", "test", ""), Action::None);
  EXPECT_EQ(connect("c", "test", std::nullopt), Action::Refuse);
}

TEST_F(ClientAuthTest, TakesBothOrdersAndBothCases) {
  std::string upper = kSaltFirst;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  for (const std::string& hash : {std::string(kSaltFirst), std::string(kPasswordFirst), upper}) {
    load(with_hash(hash));
    EXPECT_EQ(connect("c", "test", "test"), Action::None) << hash;
    EXPECT_EQ(connect("c", "test", "tset"), Action::Refuse) << hash;
  }
}

TEST_F(ClientAuthTest, HashOrderPinsOneOrder) {
  const std::tuple<const char*, const char*, Action> cases[] = {
      {kPasswordFirst, "passwordSalt", Action::None},
      {kPasswordFirst, "saltPassword", Action::Refuse},
      {kSaltFirst, "saltPassword", Action::None},
      {kSaltFirst, "passwordSalt", Action::Refuse},
      {kSaltFirst, "any", Action::None},
      {kPasswordFirst, "any", Action::None},
  };
  for (const auto& [hash, order, action] : cases) {
    load(with_hash(hash, order));
    EXPECT_EQ(connect("c", "test", "test"), action) << hash << ' ' << order;
  }
}

TEST_F(ClientAuthTest, PasswordsAreBytes) {
  load(with_hash(kSaltFirst));
  EXPECT_EQ(connect("c", "test", std::string_view("test\0", 5)), Action::Refuse);
  EXPECT_EQ(connect("c", std::string_view("test\0", 5), "test"), Action::Refuse);
}

TEST_F(ClientAuthTest, EmptyListRefusesEverybody) {
  load("filters: [{name: auth, kind: MQTTClientAuth, auth: []}]\n");
  EXPECT_EQ(connect("c", "test", "test"), Action::Refuse);
  EXPECT_EQ(connect("c", std::nullopt, std::nullopt), Action::Refuse);
}

TEST_F(ClientAuthTest, OtherPacketsPass) {
  load(kVectors);
  EXPECT_EQ(bench_.publish("a/b"), pipeline::RunState::Finished);
  EXPECT_EQ(bench_.context.action(), Action::None);
}

TEST_F(ClientAuthTest, ConnectWithoutItsPacketIsRefused) {
  load(kVectors);
  bench_.begin(mqtt::PacketType::Connect);
  EXPECT_EQ(bench_.pipeline->run(bench_.context), pipeline::RunState::Finished);
  EXPECT_EQ(bench_.context.action(), Action::Refuse);
}

TEST_F(ClientAuthTest, FailureEndsTheFlowOrJumps) {
  const std::string setters = "- {name: next, kind: Setter}\n- {name: other, kind: Setter}\n";
  load(kVectors + setters + "flow: [{filter: auth, jumpIf: {AuthFail: other}}, {filter: next}, {filter: other}]\n");
  EXPECT_EQ(connect("c", "test", "no"), Action::Refuse);
  EXPECT_TRUE(bench_.context.text(0).has_value()) << "the jump was not taken";
  load(kVectors + setters);
  EXPECT_EQ(connect("c", "test", "no"), Action::Refuse);
  EXPECT_FALSE(bench_.context.text(0).has_value()) << "the flow went on";
}

class ClientAuthErrors : public testing::TestWithParam<test::ConfigCase> {};
TEST_P(ClientAuthErrors, AreReportedWithPlace) {
  test::expect_errors(GetParam());
}

const test::ConfigCase kErrors[] = {
    {"NoList", R"(filters:
- name: auth
  kind: MQTTClientAuth
  salt: salt
)",
     "test.yaml:2:3: Pipeline p: filters[0]: \"auth\" is missing\n"},
    {"DuplicatedUser", R"(filters:
- name: auth
  kind: MQTTClientAuth
  auth:
  - username: test
    saltedSha256Pass: 1bc1a361f17092bc7af4b2f82bf9194ea9ee2ca49eb2e53e39f555bc1eeaed74
  - username: test
    saltedSha256Pass: 1bc1a361f17092bc7af4b2f82bf9194ea9ee2ca49eb2e53e39f555bc1eeaed74
)",
     "test.yaml:7:5: Pipeline p: filters[0].auth[1].username: duplicated username test\n"},
    {"EmptyUser", R"(filters:
- name: auth
  kind: MQTTClientAuth
  auth:
  - username: ""
    saltedSha256Pass: 1bc1a361f17092bc7af4b2f82bf9194ea9ee2ca49eb2e53e39f555bc1eeaed74
)",
     "test.yaml:5:5: Pipeline p: filters[0].auth[0].username: must not be empty\n"},
    {"ShortHashAndNoHex", R"(filters:
- name: auth
  kind: MQTTClientAuth
  auth:
  - username: a
    saltedSha256Pass: 1bc1a361f17092bc7af4b2f82bf9194ea9ee2ca49eb2e53e39f555bc1eeaed7
  - username: b
    saltedSha256Pass: xbc1a361f17092bc7af4b2f82bf9194ea9ee2ca49eb2e53e39f555bc1eeaed74
)",
     "test.yaml:6:5: Pipeline p: filters[0].auth[0].saltedSha256Pass: must be 64 hexadecimal digits, the SHA-256 of "
     "password and salt\n"
     "test.yaml:8:5: Pipeline p: filters[0].auth[1].saltedSha256Pass: must be 64 hexadecimal digits, the SHA-256 of "
     "password and salt\n"},
    {"MissingKeys", R"(filters:
- name: auth
  kind: MQTTClientAuth
  auth:
  - {}
)",
     "test.yaml:5:5: Pipeline p: filters[0].auth[0]: \"username\" is missing\n"
     "test.yaml:5:5: Pipeline p: filters[0].auth[0]: \"saltedSha256Pass\" is missing\n"},
    {"OldKeys", R"(filters:
- name: auth
  kind: MQTTClientAuth
  auth:
  - userName: test
    passBase64: dGVzdA==
    username: test
    saltedSha256Pass: 1bc1a361f17092bc7af4b2f82bf9194ea9ee2ca49eb2e53e39f555bc1eeaed74
)",
     "test.yaml:5:5: Pipeline p: filters[0].auth[0].userName: a key of older versions; today it is username\n"
     "test.yaml:6:5: Pipeline p: filters[0].auth[0].passBase64: a key of older versions; today it is "
     "saltedSha256Pass\n"},
    {"MissingFile", R"(filters:
- name: auth
  kind: MQTTClientAuth
  file: no/such/users
)",
     "test.yaml:4:3: Pipeline p: filters[0].file: cannot be read: no/such/users\n"},
    {"HashOrder", R"(filters:
- name: auth
  kind: MQTTClientAuth
  hashOrder: both
  auth: []
)",
     "test.yaml:4:3: Pipeline p: filters[0].hashOrder: expected one of any, passwordSalt, saltPassword, found "
     "\"both\"\n"},
    {"UnknownKey", R"(filters:
- name: auth
  kind: MQTTClientAuth
  sallt: x
  auth: []
)",
     "test.yaml:4:3: Pipeline p: filters[0].sallt: unknown key, did you mean \"salt\"? allowed here: salt, hashOrder, "
     "file, auth\n"},
};
INSTANTIATE_TEST_SUITE_P(All, ClientAuthErrors, testing::ValuesIn(kErrors), test::case_name);

/// A password file in a folder of its own.
class ClientAuthFileTest : public ClientAuthTest {
 protected:
  void SetUp() override {
    path_ = std::filesystem::path(testing::TempDir()) /
            ("users-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
  }
  void TearDown() override { std::filesystem::remove(path_); }
  std::string with_file(const std::string& content) {
    std::ofstream(path_) << content;
    return "filters:\n- {name: auth, kind: MQTTClientAuth, salt: salt, file: " + path_.string() + "}\n";
  }

  std::filesystem::path path_;
};

constexpr const char* kScryptTest =
    "$scrypt$ln=10,r=8,p=1$c2FsdHNhbHRzYWx0$vFGsQkpII4x2tZqIxLyLqElZlTrlGm50eeq9L0s+328";

TEST_F(ClientAuthFileTest, FastHashesNeedNoThread) {
  load(with_file("# users\n\ntest:" + std::string(kSaltFirst) + "\r\nother:" + kPasswordFirst));
  EXPECT_EQ(connect("c", "test", "test"), Action::None);
  EXPECT_EQ(connect("c", "other", "test"), Action::None);
  EXPECT_EQ(connect("c", "other", "tset"), Action::Refuse);
}

TEST_F(ClientAuthFileTest, EveryBadLineIsReportedWithItsNumberAndWithoutItsHash) {
  EXPECT_FALSE(bench_.load(with_file("good:" + std::string(kSaltFirst) +
                                     "\nnocolon\n:x\nshort:abc123\n"
                                     "slow:$scrypt$ln=99,r=8,p=1$a$b\ngood:" +
                                     kSaltFirst + "\n")));
  const std::string errors = bench_.document.errors();
  const std::string file = path_.string();
  EXPECT_NE(errors.find(file + ":2: user:hash is expected"), std::string::npos) << errors;
  EXPECT_NE(errors.find(file + ":3: user:hash is expected"), std::string::npos) << errors;
  EXPECT_NE(errors.find(file + ":4: the hash must be"), std::string::npos) << errors;
  EXPECT_NE(errors.find(file + ":5: scrypt costs"), std::string::npos) << errors;
  EXPECT_NE(errors.find(file + ":6: duplicated username good"), std::string::npos) << errors;
  EXPECT_EQ(errors.find("abc123"), std::string::npos) << errors;
}

/// Stands for the connection: keeps the results a filter delivers.
class ClientAuthSlowTest : public ClientAuthFileTest, public pipeline::Suspender {
 protected:
  explicit ClientAuthSlowTest(std::size_t max_waiting = 10) : pool_("test", 1, max_waiting) {
    bench_.registry = {};
    filters::register_all(bench_.registry, {{}, &pool_});
  }
  std::function<void(pipeline::FilterResult)> suspend() override {
    return [this](pipeline::FilterResult result) { delivered_.set_value(result); };
  }
  /// Runs CONNECT as a connection does: pending, then again with what was delivered.
  Action connect_slowly(std::string_view username, std::string_view password) {
    delivered_ = {};
    std::future<pipeline::FilterResult> result = delivered_.get_future();
    const mqtt::Connect packet{.client_id = "c", .username = username, .password = password};
    begin(packet);
    if (bench_.pipeline->run(bench_.context) == pipeline::RunState::Pending) {
      pipeline::Context::Memory memory = std::move(bench_.context.memory);
      bench_.pipeline->resume(memory, bench_.pipeline->stopped_at(), result.get());
      begin(packet);
      bench_.context.memory = std::move(memory);
      EXPECT_EQ(bench_.pipeline->run(bench_.context), pipeline::RunState::Finished);
      ++pending_;
    }
    return bench_.context.action();
  }
  void begin(const mqtt::Connect& packet) {
    bench_.begin(mqtt::PacketType::Connect);
    bench_.context.connect = &packet;
    bench_.context.suspender = this;
  }

  int pending_ = 0;
  std::promise<pipeline::FilterResult> delivered_;
  util::TaskPool pool_;
};

TEST_F(ClientAuthSlowTest, SlowHashesAreComputedElsewhere) {
  load(with_file("slow:" + std::string(kScryptTest)));
  EXPECT_EQ(connect_slowly("slow", "test"), Action::None);
  EXPECT_EQ(connect_slowly("slow", "wrong"), Action::Refuse);
  EXPECT_EQ(bench_.context.return_code(), ConnectReturnCode::BadUserNameOrPassword);
  EXPECT_EQ(connect_slowly("nobody", "test"), Action::Refuse) << "the decoy's password lets nobody in";
  EXPECT_EQ(pending_, 3) << "an unknown user takes as long as a known one";
}

TEST_F(ClientAuthSlowTest, WhereNobodyCanWaitASlowHashFailsClosed) {
  load(with_file("slow:" + std::string(kScryptTest)));
  EXPECT_EQ(connect("c", "slow", "test"), Action::Refuse);
}

class ClientAuthFullTest : public ClientAuthSlowTest {
 protected:
  ClientAuthFullTest() : ClientAuthSlowTest(0) {}
};

TEST_F(ClientAuthFullTest, TooManyWaitingIsAnsweredWithReturnCode3) {
  load(with_file("slow:" + std::string(kScryptTest)));
  EXPECT_EQ(connect_slowly("slow", "test"), Action::Refuse);
  EXPECT_EQ(bench_.context.return_code(), ConnectReturnCode::ServerUnavailable);
  EXPECT_EQ(pending_, 0);
}

TEST(ClientAuthWarnings, EmptyList) {
  test::expect_warnings({"", "filters:\n- name: auth\n  kind: MQTTClientAuth\n  auth: []\n",
                         "test.yaml:4:3: Pipeline p: filters[0].auth: is empty: every client is refused\n"});
}

}  // namespace
}  // namespace mqttproxy::filters
