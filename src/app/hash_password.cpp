// `mqttproxy hash-password`: a line for a password file, without the password in a command line or a history.
#include "mqttproxy/filters/hash_password.hpp"

#include <cstdio>
#include <iostream>
#include <optional>
#include <string>

#include <termios.h>
#include <unistd.h>

#include "commands.hpp"
#include "exit_code.hpp"

namespace mqttproxy::app {

namespace {

/// A terminal does not show what is typed while this lives.
class Silence {
 public:
  Silence() : is_terminal_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!is_terminal_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    (void)::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~Silence() {
    if (is_terminal_) (void)::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  [[nodiscard]] bool is_terminal() const noexcept { return is_terminal_; }

 private:
  termios before_{};
  const bool is_terminal_;
};

std::optional<std::string> read_line(const Silence& terminal, const char* prompt) {
  if (terminal.is_terminal()) std::cerr << prompt << std::flush;
  std::string line;
  const bool read = static_cast<bool>(std::getline(std::cin, line));
  if (terminal.is_terminal()) std::cerr << '\n';
  return read ? std::optional(std::move(line)) : std::nullopt;
}

/// From a terminal twice, else the first line of standard input. nullopt: said to stderr.
std::optional<std::string> read_password() {
  const Silence terminal;
  auto password = read_line(terminal, "Password: ");
  if (!password || password->empty()) {
    std::cerr << "mqttproxy: a password is expected on standard input\n";
    return std::nullopt;
  }
  if (terminal.is_terminal() && read_line(terminal, "Again: ") != password) {
    std::cerr << "mqttproxy: that was not the same\n";
    return std::nullopt;
  }
  return password;
}

/// What a line of the file can begin with.
bool is_usable(const std::string& username) {
  return username.find_first_of(":\r\n") == std::string::npos && !username.starts_with('#');
}

}  // namespace

int hash_password(const HashPasswordOptions& options) {
  if (!is_usable(options.username)) {
    std::cerr << "mqttproxy: --username must not begin with #, and has no colon and no line break\n";
    return kExitUsage;
  }
  const auto password = read_password();
  if (!password) return kExitUsage;
  const std::string hash = filters::hash_password(*password);
  std::cout << (options.username.empty() ? "" : options.username + ":") << hash << '\n';
  return std::cout.flush() ? kExitOk : kExitFailure;
}

}  // namespace mqttproxy::app
