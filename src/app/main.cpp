#include <exception>
#include <iostream>
#include <variant>

#include "commands.hpp"
#include "exit_code.hpp"

namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;  // clang 14 does not deduce aggregates

}  // namespace

int main(int argc, char** argv) {
  using namespace mqttproxy::app;
  try {
    return std::visit(Overloaded{[](int exit_code) { return exit_code; },
                                 [](const RunOptions& options) { return run_daemon(options); },
                                 [](const CheckOptions& options) { return check(options); },
                                 [](const ExplainOptions& options) { return explain(options); },
                                 [](const HashPasswordOptions& options) { return hash_password(options); },
                                 [](const TailOptions& options) { return tail(options); }},
                      parse_command_line(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << "mqttproxy: " << error.what() << '\n';
    return kExitFailure;
  }
}
