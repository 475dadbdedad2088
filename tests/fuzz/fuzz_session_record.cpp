// The input is a list of lines, each one a record of the sessions topic: its key, a tab and its value; a value that
// begins with '-' is a tombstone with what follows as its steward. Whatever is no record is told apart from what is
// one, what is one comes back when it is written again, and a view takes any of them in any order.
#include <cstdint>
#include <string>
#include <string_view>

#include "cluster/view.hpp"
#include "require.hpp"

namespace {

using namespace mqttproxy::cluster;
using mqttproxy::fuzz::require;

std::optional<Record> read(const Key& key, std::string_view value) {
  if (!value.starts_with('-')) {
    auto record = decode(key.kind, value);
    if (record) require(decode(key.kind, encode(*record)) == record, "a record comes back");
    return record;
  }
  const auto steward = decode_life_id(value.substr(1));
  if (!steward) return std::nullopt;
  require(decode_life_id(encode(*steward)) == steward, "an id comes back");
  return Tombstone{*steward};
}

/// What a view counts is what is in it.
void check(const View& view, const Incarnations& incarnations) {
  std::size_t sessions = 0;
  std::size_t online = 0;
  for (const auto& [client, entry] : view.entries()) {
    require(entry.incarnation != Entry::kNobody, "every entry has a claim");
    require(!incarnations.name(entry.incarnation).empty(), "of somebody with a name");
    const Cut cut = view.cut(client, entry);
    require(entry.session || cut == Cut{}, "no session owes nothing");
    for (const Filter& filter : cut.filters) require(!filter.text.empty(), "filters are none of them empty");
    sessions += entry.session ? 1U : 0U;
    online += entry.online ? 1U : 0U;
  }
  require(view.sessions() == sessions, "sessions");
  for (const auto& [incarnation, clients] : view.online()) {
    require(clients != 0, "nobody who serves nobody");
    online -= clients;
  }
  require(online == 0, "clients online");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  Incarnations incarnations;
  View view(incarnations, mqttproxy::util::SipHash(1, 2));
  for (std::int64_t offset = 0; !rest.empty(); ++offset) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::size_t tab = std::min(line.find('\t'), line.size());
    const auto key = decode_key(line.substr(0, tab));
    if (!key) continue;
    require(decode_key(encode(*key)) == key, "a key comes back");
    if (const auto record = read(*key, line.substr(std::min(tab + 1, line.size())))) {
      (void)view.apply(offset, std::chrono::system_clock::time_point(std::chrono::seconds(offset)), *key, *record);
    }
  }
  check(view, incarnations);
  return 0;
}
