// What librdkafka's broker threads wait with, so that they wait.
//
// An idempotent producer of librdkafka 2.0.2 asks for a partition's next batch once linger.ms is over, also while five
// or more of its records are under way and none may follow: until Kafka answers, the broker's thread polls its socket
// without a time-out, a whole core for as long as Kafka takes. The function below takes the place of libc's. It lets
// such a thread rest after polls that found nothing; an answer, or a call from another thread, ends the rest at once.

// Else poll() below were the function it is in.
#undef _FORTIFY_SOURCE

#include <cstddef>
#include <cstdlib>
#include <string_view>

#include <poll.h>
#include <sys/prctl.h>

namespace {

/// Polls in a row that found nothing. A single one is no sign: librdkafka looks at its socket before it does its work.
constexpr unsigned kFruitless = 2;
/// How late another partition's batch may leave for it.
constexpr timespec kRest{0, 250'000};

bool is_broker_thread() noexcept {
  char name[16] = {};
  return ::prctl(PR_GET_NAME, static_cast<char*>(name)) == 0 &&
         std::string_view(static_cast<const char*>(name)).starts_with("rdk:broker");
}

}  // namespace

/// poll() as libraries call it that were built with _FORTIFY_SOURCE, as Debian's are.
// NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,readability-identifier-naming): libc's
extern "C" int __poll_chk(pollfd* fds, nfds_t count, int timeout_ms, std::size_t bytes) {
  if (bytes / sizeof(pollfd) < count) std::abort();  // what libc's checks
  thread_local const bool broker = is_broker_thread();
  thread_local unsigned fruitless = 0;
  const bool spins = broker && timeout_ms == 0;
  const int ready =
      spins && fruitless >= kFruitless ? ::ppoll(fds, count, &kRest, nullptr) : ::poll(fds, count, timeout_ms);
  fruitless = spins && ready == 0 ? fruitless + 1 : 0;
  return ready;
}
