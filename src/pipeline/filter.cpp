#include "mqttproxy/pipeline/filter.hpp"

#include <limits>
#include <stdexcept>
#include <utility>

namespace mqttproxy::pipeline {

Slot SlotTable::slot(std::string_view name) {
  if (const auto found = slots_.find(name); found != slots_.end()) return found->second;
  if (slots_.size() > std::numeric_limits<Slot>::max()) throw std::length_error("too many names of per-packet data");
  const auto slot = static_cast<Slot>(slots_.size());
  slots_.emplace(name, slot);
  return slot;
}

void FilterRegistry::add(FilterKind kind) {
  std::string name(kind.name);
  if (!kinds_.emplace(name, std::move(kind)).second) throw std::logic_error("filter kind registered twice: " + name);
}

void FilterRegistry::alias(std::string_view alias, std::string_view name) {
  const FilterKind* kind = find(name);
  if (kind == nullptr || !kinds_.emplace(alias, *kind).second) {
    throw std::logic_error("bad alias of a filter kind: " + std::string(alias));
  }
}

const FilterKind* FilterRegistry::find(std::string_view name) const {
  const auto found = kinds_.find(name);
  return found == kinds_.end() ? nullptr : &found->second;
}

std::vector<std::string_view> FilterRegistry::names() const {
  std::vector<std::string_view> names;
  names.reserve(kinds_.size());
  for (const auto& [name, kind] : kinds_) names.emplace_back(name);
  return names;
}

}  // namespace mqttproxy::pipeline
