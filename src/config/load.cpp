#include <algorithm>
#include <array>

#include "mqttproxy/config/config.hpp"
#include "mqttproxy/util/text.hpp"

#include "documents.hpp"
#include "endpoint.hpp"
#include "place.hpp"
#include "syntax.hpp"
#include "text_source.hpp"

namespace mqttproxy::config {

namespace {

constexpr std::size_t kMaxFileBytes = 16U << 20U;
constexpr std::array<std::string_view, 3> kKinds = {"Node", "MQTTProxy", "Pipeline"};

struct Documents {
  std::vector<Object> nodes, proxies, pipelines;
  bool complete = true;  // every document's kind is known
};

/// What `key` says in a map that nobody has checked yet; empty when there is no such text.
std::string peek(const YAML::Node& map, std::string_view key) {
  if (!map.IsMap()) return "";
  for (const auto& pair : map) {
    if (pair.first.IsScalar() && pair.first.Scalar() == key && pair.second.IsScalar()) {
      return expand_environment(pair.second.Scalar()).text;
    }
  }
  return "";
}

/// What error paths start with: "MQTTProxy mqttproxy", or a number where kind or name are not usable.
std::string title_of(const YAML::Node& root, std::size_t number) {
  const std::string kind = peek(root, "kind");
  const std::string name = peek(root, "name");
  std::string fallback = "document " + std::to_string(number);
  if (std::ranges::find(kKinds, std::string_view(kind)) == kKinds.end()) return fallback;
  if (is_legal_name(name)) return kind + " " + name;
  if (kind == kKinds[0] && name.empty()) return kind + " " + NodeConfig().name;
  return kind + " (" + fallback + ")";
}

/// The document's kind, or "" with an error.
std::string read_kind(Object& document) {
  const auto value = document.require("kind");
  auto kind = value ? value->as_string() : std::nullopt;
  if (!kind) return "";
  if (std::ranges::find(kKinds, std::string_view(*kind)) != kKinds.end()) return *kind;
  const std::string_view near = util::nearest(*kind, kKinds);
  value->error("unknown kind \"" + util::printable(*kind, 64) + '"' +
               (near.empty() ? "; " : ", did you mean \"" + std::string(near) + "\"? ") +
               "known kinds: " + util::join(kKinds));
  return "";
}

Documents sort_by_kind(const std::vector<YAML::Node>& roots, Diagnostics& diagnostics) {
  Documents out;
  for (std::size_t i = 0; i < roots.size(); ++i) {
    Object document(Value(roots[i], mark_of(roots[i]), title_of(roots[i], i + 1), diagnostics));
    const std::string kind = document.valid() ? read_kind(document) : "";
    if (kind.empty()) {
      out.complete = false;
    } else {
      auto& list = kind == "Node" ? out.nodes : kind == "MQTTProxy" ? out.proxies : out.pipelines;
      list.push_back(std::move(document));
    }
  }
  return out;
}

using NameLines = std::map<std::string, int, std::less<>>;

/// The first use of a name counts. False, with an error, for every later one.
bool claim_name(NameLines& names, const std::string& name, Object& document) {
  const auto [claimed, is_new] = names.emplace(name, document.value().mark().line);
  if (!is_new) {
    document.find("name")->error("already the name of the document at line " + std::to_string(claimed->second));
  }
  return is_new;
}

void load_node(Documents& documents, Config& config) {
  for (Object& document : documents.nodes) {
    const bool first = &document == &documents.nodes.front();
    NodeConfig node = read_node(document);
    if (first) {
      config.node = std::move(node);
    } else {
      document.find("kind")->error("only one Node document is allowed; the first is at line " +
                                   std::to_string(documents.nodes.front().value().mark().line));
    }
  }
}

PipelineNames load_pipelines(Documents& documents, Config& config, const Diagnostics& diagnostics) {
  PipelineNames names;
  names.complete = documents.complete;
  NameLines claimed;
  for (Object& document : documents.pipelines) {
    const std::size_t errors_before = diagnostics.errors().size();
    PipelineConfig pipeline = read_pipeline(document);
    if (diagnostics.errors().size() != errors_before) {
      // Nobody shall build it, and report the same again in other words.
      pipeline.flow.clear();
      pipeline.filters.clear();
    }
    if (pipeline.name.empty()) {
      names.complete = false;
    } else if (claim_name(claimed, pipeline.name, document)) {
      names.index.emplace(pipeline.name, config.pipelines.size());
    }
    config.pipelines.push_back(std::move(pipeline));
  }
  return names;
}

void claim_ports(std::vector<ListenerConfig>& claimed, const ProxyConfig& proxy) {
  for (const ListenerConfig& listener : proxy.listeners) {
    const auto rival = std::ranges::find_if(
        claimed, [&](const ListenerConfig& other) { return collide(other.endpoint, listener.endpoint); });
    if (rival != claimed.end()) {  // then both have a port
      listener.place->error("port " + std::to_string(listener.endpoint.port) +
                            " is already taken by the listener at line " + std::to_string(rival->place->mark().line));
    }
    claimed.push_back(listener);
  }
}

void load_proxies(Documents& documents, const PipelineNames& pipelines, Config& config, Diagnostics& diagnostics) {
  NameLines claimed;
  std::vector<ListenerConfig> claimed_ports;
  for (Object& document : documents.proxies) {
    ProxyConfig proxy = read_proxy(document, pipelines);
    if (!proxy.name.empty()) claim_name(claimed, proxy.name, document);
    claim_ports(claimed_ports, proxy);
    config.proxies.push_back(std::move(proxy));
  }
  if (documents.proxies.empty() && documents.complete) {
    diagnostics.error({}, "", "there is no document of kind MQTTProxy; at least one is needed");
  }
}

void warn_unused_pipelines(const Config& config, Diagnostics& diagnostics) {
  for (std::size_t i = 0; i < config.pipelines.size(); ++i) {
    const bool used = std::ranges::any_of(config.proxies, [i](const ProxyConfig& proxy) {
      return std::ranges::find(proxy.pipelines, std::optional(i)) != proxy.pipelines.end();
    });
    if (used) continue;
    diagnostics.warning(config.pipelines[i].mark, "Pipeline " + config.pipelines[i].name, "no rule uses this pipeline");
  }
}

}  // namespace

std::vector<std::string> Config::proxy_names() const {
  std::vector<std::string> names;
  names.reserve(proxies.size());
  for (const ProxyConfig& proxy : proxies) names.push_back(proxy.name);
  return names;
}

std::optional<Config> load_for_check(const std::filesystem::path& file,
                                     const std::shared_ptr<Diagnostics>& diagnostics) {
  const SourcedText text = read_file(file, kMaxFileBytes);
  if (!text.ok()) {
    diagnostics->error({}, "", "the file cannot be read: " + text.problem);
    return std::nullopt;
  }
  const auto roots = parse_yaml(text.text, *diagnostics);
  if (!roots) return std::nullopt;

  Config config;
  config.diagnostics = diagnostics;
  Documents documents = sort_by_kind(*roots, *diagnostics);
  load_node(documents, config);
  const PipelineNames pipelines = load_pipelines(documents, config, *diagnostics);
  load_proxies(documents, pipelines, config, *diagnostics);
  if (diagnostics->ok()) warn_unused_pipelines(config, *diagnostics);
  return config;
}

std::optional<Config> load(const std::filesystem::path& file, const std::shared_ptr<Diagnostics>& diagnostics) {
  std::optional<Config> config = load_for_check(file, diagnostics);
  if (!diagnostics->ok()) return std::nullopt;
  return config;
}

}  // namespace mqttproxy::config
