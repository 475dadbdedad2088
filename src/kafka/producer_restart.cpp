// librdkafka's idempotent producer gives up for good on errors that would break its promise (an epoch or a sequence
// the broker does not accept). The daemon goes on with a new client.
#include <algorithm>
#include <array>
#include <stdexcept>

#include "mqttproxy/util/log.hpp"
#include "mqttproxy/util/text.hpp"

#include "producer_impl.hpp"

namespace mqttproxy::kafka {

namespace {

using std::chrono::milliseconds;

/// The lanes get their Unknown reports before anything is taken again; this long they have to act on them, so that no
/// device's later record overtakes one whose fate is unknown.
constexpr milliseconds kFirstPause{200};
constexpr milliseconds kLongestPause{30'000};
/// A client that lived this long starts over with the first pause.
constexpr std::chrono::seconds kHealthyLife{60};
constexpr milliseconds kPurgeWithin{5'000};

}  // namespace

void ProducerImpl::restart() {
  std::array<char, 512> text{};
  if (client_ == nullptr) return;
  const auto error = rd_kafka_fatal_error(client_->handle(), text.data(), text.size());
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  gate_.close();
  stats_.restart();
  const milliseconds pause = next_pause();
  spdlog::error(
      "kafka producer fatal producer=\"{}\" error={} text=\"{}\": a new one follows in {} ms; records in flight are "
      "reported as unknown",
      options_.name, rd_kafka_err2name(error), util::printable(text.data()), pause.count());
  end_client();
  if (wait_unless_shut(pause)) begin_client();
}

void ProducerImpl::end_client() {
  rd_kafka_purge(client_->handle(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  const auto deadline = Clock::now() + kPurgeWithin;
  while (in_library() > 0 && Clock::now() < deadline) {
    take_events(milliseconds(10));
    take_local_reports();
    hand_out();
  }
  if (const std::uint64_t lost = in_library(); lost > 0) {
    spdlog::critical("kafka producer=\"{}\": {} records got no report from the purged client", options_.name, lost);
    gate_.settle(lost);
  }
  topics_.detach();
  replace_client(nullptr);
}

std::uint64_t ProducerImpl::in_library() const noexcept {
  const std::uint64_t all = gate_.unreported();
  return all - std::min<std::uint64_t>(all, dead_letters_.size());
}

void ProducerImpl::begin_client() {
  while (true) {
    try {
      auto client = std::make_shared<Client>(options_);
      topics_.attach(client->handle());
      client_since_ = Clock::now();
      replace_client(client);
      gate_.open(*client);
      reopened_ = true;
      return;
    } catch (const std::runtime_error& refused) {
      // Threads or descriptors are short: they may come back.
      const milliseconds pause = next_pause();
      spdlog::error("kafka producer not replaced producer=\"{}\" reason=\"{}\": again in {} ms", options_.name,
                    refused.what(), pause.count());
      if (!wait_unless_shut(pause)) return;
    }
  }
}

milliseconds ProducerImpl::next_pause() noexcept {
  const bool healthy = Clock::now() - client_since_ >= kHealthyLife;
  last_pause_ = healthy || last_pause_ == milliseconds(0) ? kFirstPause : std::min(last_pause_ * 2, kLongestPause);
  return last_pause_;
}

bool ProducerImpl::wait_unless_shut(milliseconds pause) {
  std::unique_lock lock(wake_mutex_);
  return !shut_changed_.wait_for(lock, pause, [this] { return gate_.is_shut(); });
}

void ProducerImpl::replace_client(std::shared_ptr<Client> client) {
  {
    const std::scoped_lock lock(client_mutex_);
    client_.swap(client);
  }
  // The old client ends here, or with the metadata request that the health probe has under way.
}

}  // namespace mqttproxy::kafka
