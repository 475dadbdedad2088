#include "sim_log.hpp"

#include <algorithm>

namespace mqttproxy::cluster::sim {

Line to_line(const Key& key, const Record& record) {
  Line line;
  line.key = encode(key);
  if (const auto* tombstone = std::get_if<Tombstone>(&record)) {
    line.tombstone = true;
    line.steward = encode(tombstone->steward);
  } else {
    line.value = encode(record);
  }
  if (parse(line) != std::pair(key, record)) throw Violation{"record does not come back: " + line.key + line.value};
  return line;
}

std::pair<Key, Record> parse(const Line& line) {
  auto key = decode_key(line.key);
  if (!key) throw Violation{"no key: " + line.key};
  if (line.tombstone) return {std::move(*key), Tombstone{decode_life_id(line.steward).value()}};
  auto record = decode(key->kind, line.value);
  if (!record) throw Violation{"no record: " + line.value};
  return {std::move(*key), std::move(*record)};
}

std::pair<Key, Record> SessionsLog::append(Line line, const Time& time) {
  line.time = time.system();
  auto parsed = parse(line);
  const std::int64_t offset = end();
  const bool counts = view_.apply(offset, line.time, parsed.first, parsed.second);
  note(parsed.first, std::holds_alternative<Tombstone>(parsed.second), counts);
  lines_.emplace_back(std::move(line));
  return parsed;
}

void SessionsLog::note(const Key& key, bool tombstone, bool counts) {
  if (key.kind == Kind::Fence) {
    if (counts) {
      ignored_.erase(encode(key));
    } else {
      ignored_.emplace(encode(key), end());
    }
  }
  if (key.kind != Kind::State && key.kind != Kind::Claim) return;
  const std::string claim = encode(Key{Kind::Claim, key.name});
  const std::string state = encode(Key{Kind::State, key.name});
  const bool is_claim = key.kind == Kind::Claim;
  if (!counts) {
    ignored_.emplace(is_claim ? claim : state, end());
    if (is_claim && !tombstone) ignored_.emplace(state, end());  // who has not seen the claim before takes it for one
  } else if (is_claim) {
    ignored_.erase(claim);
    if (tombstone) ignored_.erase(state);
  } else if (!ignored_.contains(claim)) {
    ignored_.erase(state);
  }
}

const Line* SessionsLog::at(std::int64_t offset) const {
  const auto& line = lines_[static_cast<std::size_t>(offset)];
  return line ? &*line : nullptr;
}

void SessionsLog::compact(std::int64_t limit) {
  for (const auto& [key, offset] : ignored_) limit = std::min(limit, offset);
  std::map<std::string, std::int64_t> last;
  for (std::int64_t offset = 0; offset < limit; ++offset) {
    if (const Line* line = at(offset)) last[line->key] = offset;
  }
  for (std::int64_t offset = 0; offset < limit; ++offset) {
    const Line* line = at(offset);
    if (line != nullptr && (line->tombstone || last[line->key] != offset)) {
      lines_[static_cast<std::size_t>(offset)].reset();
    }
  }
}

Offsets ends(const Downlink& downlink) {
  Offsets offsets;
  for (const auto& partition : downlink) offsets.push_back(static_cast<std::int64_t>(partition.size()));
  return offsets;
}

}  // namespace mqttproxy::cluster::sim
