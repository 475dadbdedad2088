#include "service_manager.hpp"

#include <array>
#include <cstdlib>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace mqttproxy::app {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// The socket systemd would listen on, in the abstract namespace.
class NotifySocket {
 public:
  NotifySocket() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    constexpr socklen_t family_only = sizeof address.sun_family;  // the system chooses the name
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), family_only), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    name_ = "@" + std::string(address.sun_path + 1, size - family_only - 1);
  }
  ~NotifySocket() { ::close(fd_); }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  /// What has come since the last call.
  [[nodiscard]] std::vector<std::string> messages() const {
    std::vector<std::string> messages;
    std::array<char, 4'096> bytes;
    while (true) {
      const ssize_t n = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (n < 0) return messages;
      messages.emplace_back(bytes.data(), static_cast<std::size_t>(n));
    }
  }

 private:
  int fd_;
  std::string name_;
};

class ServiceManagerTest : public ::testing::Test {
 protected:
  ServiceManagerTest() {
    ::setenv("NOTIFY_SOCKET", socket_.name().c_str(), 1);
    ::setenv("WATCHDOG_USEC", "4000", 1);  // so it looks every millisecond
  }
  ~ServiceManagerTest() override {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
  }

  void start() {
    manager_.emplace(io_);
    manager_->ready(
        [this] {
          if (--looks_ == 0) io_.stop();
          return silent_;
        },
        [this] { return status_; });
  }

  void look(int times) {
    looks_ = times;
    io_.restart();
    io_.run();
  }

  NotifySocket socket_;
  boost::asio::io_context io_;
  std::optional<ServiceManager> manager_;
  std::optional<std::size_t> silent_;
  std::string status_ = "ready";
  int looks_ = 0;
};

TEST_F(ServiceManagerTest, tells_of_the_start_and_the_end) {
  start();
  manager_->starting("reading");
  manager_->stopping(30s);
  EXPECT_THAT(socket_.messages(),
              ElementsAre("READY=1\nSTATUS=ready", "STATUS=reading\nEXTEND_TIMEOUT_USEC=90000000",
                          "STOPPING=1\nSTATUS=draining, 30 s at most\nEXTEND_TIMEOUT_USEC=45000000"));
  io_.run();
  EXPECT_THAT(socket_.messages(), IsEmpty()) << "nothing is told after that";
}

TEST_F(ServiceManagerTest, pings_while_no_worker_hangs) {
  start();
  (void)socket_.messages();
  look(5);
  EXPECT_THAT(socket_.messages(), ElementsAre("WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"));
}

TEST_F(ServiceManagerTest, a_worker_that_hangs_stops_the_pings_until_it_goes_on) {
  start();
  look(3);
  (void)socket_.messages();
  silent_ = 1;
  look(20);
  EXPECT_THAT(socket_.messages(), IsEmpty());
  EXPECT_EQ(manager_->missed_pings(), 20U);
  silent_.reset();
  look(2);
  EXPECT_THAT(socket_.messages(), SizeIs(2));
}

TEST_F(ServiceManagerTest, is_less_patient_than_systemd_and_than_ten_seconds) {
  start();
  EXPECT_EQ(manager_->patience(), 2ms);
  ::setenv("WATCHDOG_USEC", "60000000", 1);
  EXPECT_EQ(ServiceManager(io_).patience(), 10s);
  ::unsetenv("WATCHDOG_USEC");
  EXPECT_EQ(ServiceManager(io_).patience(), 10s);
}

TEST_F(ServiceManagerTest, the_status_is_told_when_it_changes) {
  start();
  look(2);
  (void)socket_.messages();
  status_ = "not ready: kafka";
  silent_ = 0;
  look(5);
  EXPECT_THAT(socket_.messages(), ElementsAre("STATUS=not ready: kafka"));
}

TEST_F(ServiceManagerTest, without_a_socket_it_is_quiet) {
  ::unsetenv("NOTIFY_SOCKET");
  start();
  io_.run();  // ends at once: nothing is waited for
  EXPECT_THAT(socket_.messages(), IsEmpty());
}

TEST_F(ServiceManagerTest, without_a_watchdog_only_the_status_is_told) {
  ::unsetenv("WATCHDOG_USEC");
  start();
  EXPECT_THAT(socket_.messages(), ElementsAre(HasSubstr("READY=1")));
  manager_->stopping(0s);
  io_.run();
  EXPECT_THAT(socket_.messages(), ElementsAre(HasSubstr("EXTEND_TIMEOUT_USEC=15000000")));
}

}  // namespace
}  // namespace mqttproxy::app
