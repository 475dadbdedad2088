#include "sim_node.hpp"

#include <algorithm>

namespace mqttproxy::cluster::sim {

namespace {

constexpr std::size_t kMostReferences = 1'000;  // more than there are messages

Offsets at_end(const Shared& shared) {
  return ends(shared.downlink);
}

}  // namespace

Node::Node(std::string name, Shared& shared, Clients& clients)
    : name_(std::move(name)),
      shared_(shared),
      history_(shared.memory_bytes,
               [this](const kafka::OffsetRange& range) { ranges_.emplace(range.partition, range); }),
      offline_(history_, kMostReferences, false),
      assigned_(shared.sessions.size(), false),
      writes_(shared.sessions.size()),
      worker_(*this, clients, shared.time, at_end(shared)) {
  begin_life();
  for (std::size_t p = 0; p < shared.downlink.size(); ++p) {
    history_.begin(static_cast<std::int32_t>(p), static_cast<std::int64_t>(shared.downlink[p].size()));
  }
  for (std::size_t i = 0; i < shared.sessions.size(); ++i) {
    partitions_.push_back(std::make_unique<Partition>(static_cast<std::int32_t>(i), life_, incarnations_,
                                                      static_cast<Effects&>(*this), util::SipHash(1, 2)));
    partitions_.back()->begin(0, shared.sessions[i].end());
  }
}

void Node::begin_life() {
  life_ = {name_ + ':' + std::to_string(++shared_.lives), 1};
}

std::size_t Node::partition_of(std::string_view client) const {
  return static_cast<std::size_t>(client.back() - '0') % partitions_.size();
}

// ---- the sessions topic --------------------------------------------------------------------------------------------

void Node::write(std::int32_t partition, const Key& key, const Record& record) {
  writes_[static_cast<std::size_t>(partition)].push_back({to_line(key, record), next_token_});
  unstored_.emplace(next_token_++, true);
}

std::pair<Key, Record> Node::flush(std::size_t partition) {
  Write write = std::move(writes_[partition].front());
  writes_[partition].pop_front();
  auto record = shared_.sessions[partition].append(std::move(write.line), shared_.time);
  settle(write.token);
  return record;
}

void Node::settle(std::uint64_t token) {
  unstored_.erase(token);
  while (!after_.empty() && (unstored_.empty() || unstored_.begin()->first >= after_.front().first)) {
    const auto then = std::move(after_.front().second);
    after_.pop_front();
    then();
  }
}

void Node::when_stored(std::function<void()> then) {
  if (unstored_.empty()) return then();
  after_.emplace_back(next_token_, std::move(then));
}

void Node::lose_write(std::size_t partition) {
  writes_[partition].pop_front();
  after_.clear();
  unstored_.clear();
  round_.open = false;
  pass_.reset();
  begin_life();
  for (const auto& each : partitions_) each->restart();
}

void Node::read(std::size_t partition) {
  Partition& reader = *partitions_[partition];
  const std::int64_t offset = reader.next();
  const Line* line = shared_.sessions[partition].at(offset);
  if (line == nullptr) return reader.read_up_to(offset + 1);
  const auto [key, record] = parse(*line);
  (void)reader.apply(offset, line->time, key, record, shared_.time.steady());
  pump();
}

void Node::tick() {
  for (const auto& partition : partitions_) partition->tick(shared_.time.steady());
}

void Node::expire() {
  for (const auto& partition : partitions_) (void)partition->expire();
}

void Node::remove(ClientNumber client) {
  const std::string name = client_name(kProxy, std::to_string(client));
  partitions_[partition_of(name)]->remove(name, shared_.time.steady());
}

// ---- the downlink topic --------------------------------------------------------------------------------------------

void Node::consume(std::size_t downlink_partition) {
  const auto offset = static_cast<std::size_t>(consumed(downlink_partition));
  const downlink::MessagePtr& message = shared_.downlink[downlink_partition][offset];
  history_.add(message);
  offline_.on_message(message);
  worker_.push(message);
  pump();
}

void Node::read_range(std::int32_t downlink_partition, std::int64_t records) {
  kafka::OffsetRange& range = ranges_.at(downlink_partition);
  const auto& log = shared_.downlink[static_cast<std::size_t>(downlink_partition)];
  const std::int64_t to = std::min(range.to, range.from + records);
  std::vector<PastMessage> messages;
  for (std::int64_t offset = range.from; offset < to; ++offset) {
    messages.push_back({offset, log[static_cast<std::size_t>(offset)]});
  }
  range.from = to;
  const kafka::OffsetRange read = range;
  history_.on_range(read, messages);
  if (read.from == read.to) {
    ranges_.erase(downlink_partition);
    history_.on_range_end(read, 0);
  }
  pump();
}

void Node::pump() {
  while (history_.pump()) {
  }
}

void Node::adopt(std::int32_t partition, const std::string& client, LifeId claim, Cut cut) {
  offline_.adopt(partition, client, std::move(claim), std::move(cut));
}

// ---- the worker's calls --------------------------------------------------------------------------------------------

void Node::turn() {
  const auto call = std::move(inbox_.front());
  inbox_.pop_front();
  call();
  pump();
}

void Node::claim(Seat seat, ClaimRequest request) {
  // At once: between threads a call does not wait as long as a record of another node takes to get here and back.
  const std::string client = client_name(request.proxy, request.client_id);
  seats_[seat].client = client;
  partitions_[partition_of(client)]->claim(seat, request);
}

void Node::release(Seat seat, std::optional<Cut> cut) {
  inbox_.emplace_back([this, seat, cut = std::move(cut)] {
    const auto it = seats_.find(seat);
    if (it == seats_.end()) return;
    const std::string client = it->second.client;
    forget(seat);
    partitions_[partition_of(client)]->release(seat, client, cut);
  });
}

void Node::store(Seat seat, Cut cut, std::uint64_t token) {
  inbox_.emplace_back([this, seat, cut = std::move(cut), token] {
    const auto it = seats_.find(seat);
    if (it == seats_.end()) return;
    partitions_[partition_of(it->second.client)]->store(seat, it->second.client, cut, token);
  });
}

void Node::recover(Seat seat, Recovery recovery) {
  inbox_.emplace_back([this, seat, recovery = std::move(recovery)] {
    const auto it = seats_.find(seat);
    if (it == seats_.end()) return;
    it->second.recovery =
        history_.recover(std::string(kProxy), recovery, [this, seat](std::vector<Recovered> messages, bool complete) {
          if (complete) seats_.at(seat).recovery = 0;
          worker_.on_recovered(seat, std::move(messages), complete);
        });
  });
}

void Node::lost(Seat seat, Loss loss) {
  forget(seat);
  worker_.on_lost(seat, loss);
}

void Node::forget(Seat seat) {
  const auto node = seats_.extract(seat);
  if (node && node.mapped().recovery != 0) history_.cancel(node.mapped().recovery);
}

// ---- checkpoints ---------------------------------------------------------------------------------------------------

void Node::begin_round() {
  if (!std::ranges::all_of(partitions_, [](const auto& each) { return each->loaded(); })) return;
  if (round_.open) {  // a sign of life meanwhile
    for (const auto& partition : partitions_) partition->repeat_owner_checkpoint();
    return;
  }
  ++round_.number;
  round_.open = true;
  round_.as_of.clear();
  for (const auto& partition : partitions_) round_.as_of.push_back(partition->as_of());
  worker_.on_collect(round_.number);
}

void Node::report(std::uint32_t, std::uint64_t round, Progress progress) {
  inbox_.emplace_back([this, round, progress = std::move(progress)] {
    if (round_.open && round == round_.number) end_round(progress);
  });
}

void Node::end_round(Progress progress) {
  round_.open = false;
  for (auto& [seat, cut] : progress.changed) {
    const auto it = seats_.find(seat);
    if (it != seats_.end()) partitions_[partition_of(it->second.client)]->write_changed(seat, std::move(cut));
  }
  std::vector<std::vector<std::string>> behind(partitions_.size());
  for (const Seat seat : progress.behind) {
    const auto it = seats_.find(seat);
    if (it != seats_.end()) behind[partition_of(it->second.client)].push_back(it->second.client);
  }
  when_stored([this, position = std::move(progress.position), behind = std::move(behind), as_of = round_.as_of] {
    for (std::size_t i = 0; i < partitions_.size(); ++i) {
      partitions_[i]->write_owner_checkpoint(position, as_of[i], behind[i]);
    }
  });
}

void Node::write_stewards() {
  do {
    go_on_writing();
  } while (pass_);
}

void Node::go_on_writing() {
  if (!pass_) pass_ = StewardPass::begin(partitions_, 0, offline_, history_);
  if (!pass_ || pass_->write_next()) return;
  when_stored([pass = *pass_] { pass.write_checkpoint(); });
  pass_ = StewardPass::begin(partitions_, pass_->number() + 1, offline_, history_);
}

}  // namespace mqttproxy::cluster::sim
