"""The files for containers: what they say about the daemon is true, and their parts fit together."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from support.daemon import ROOT, run

DOCKER = ROOT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
KUBERNETES = list(yaml.safe_load_all((DOCKER / "kubernetes.yaml").read_text()))
DOCKERFILE = (DOCKER / "Dockerfile").read_text()


def resource(kind: str, name: str = "mqttproxy") -> dict[str, Any]:
    return next(entry for entry in KUBERNETES if entry["kind"] == kind and entry["metadata"]["name"] == name)


POD = resource("Deployment")["spec"]["template"]["spec"]
[CONTAINER] = POD["containers"]
CONFIGURATION = resource("ConfigMap")["data"]["mqttproxy.yaml"]


def seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))


def check(folder: Path, text: str) -> None:
    """As the containers have it: configuration and token in one folder."""
    (folder / "mqttproxy.yaml").write_text(text)
    (folder / "api-token").write_text("token\n")
    done = run("check", folder / "mqttproxy.yaml", env={"HOSTNAME": "mqttproxy-7d9f-x2x"})
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr


# ---- Kubernetes


@pytest.mark.parametrize("entry", KUBERNETES, ids=lambda entry: f"{entry['kind']}-{entry['metadata']['name']}")
def test_kubernetes_knows_every_field(entry: dict[str, Any]) -> None:
    kubernetes_validate.validate(entry, kubernetes_validate.latest_version(), strict=True)


def test_kubernetes_configuration_is_valid(tmp_path: Path) -> None:
    check(tmp_path, CONFIGURATION)
    sources = POD["volumes"][0]["projected"]["sources"]
    assert [next(iter(source)) for source in sources] == ["configMap", "secret"]
    assert CONTAINER["volumeMounts"][0]["mountPath"] == "/etc/mqttproxy"
    assert "api-token" in resource("Secret")["stringData"]


def test_kubernetes_leaves_the_drain_its_time() -> None:
    drain = re.search(r"drainTimeout: (\w+)", CONFIGURATION)
    before = int(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1])
    assert drain and POD["terminationGracePeriodSeconds"] >= before + seconds(drain[1]) + 10


def test_kubernetes_runs_the_user_of_the_image_and_nothing_more() -> None:
    user = re.search(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)
    context = POD["securityContext"]
    assert user and context["runAsNonRoot"]
    assert (context["runAsUser"], context["runAsGroup"]) == (int(user[1]), int(user[2]))
    assert context["fsGroup"] == int(user[2]), "the Secret is for the group"
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_kubernetes_selectors_and_ports_meet() -> None:
    labels = resource("Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [resource("Deployment")["spec"]["selector"]["matchLabels"]]
    selectors += [resource("PodDisruptionBudget")["spec"]["selector"]["matchLabels"]]
    selectors += [resource("Service", name)["spec"]["selector"] for name in ("mqttproxy", "mqttproxy-api")]
    assert all(selector.items() <= labels.items() for selector in selectors)
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    services = [resource("Service", name)["spec"] for name in ("mqttproxy", "mqttproxy-api")]
    used = [port["targetPort"] for service in services for port in service["ports"]]
    used += [CONTAINER[probe]["httpGet"]["port"] for probe in ("livenessProbe", "readinessProbe")]
    assert set(used) == set(ports)
    exposed = re.search(r"^EXPOSE (.*)", DOCKERFILE, re.MULTILINE)
    assert exposed and exposed[1].split() == [str(port) for port in ports.values()]


# ---- Compose


def test_compose_configuration_is_valid(tmp_path: Path) -> None:
    check(tmp_path, (DOCKER / "mqttproxy.yaml").read_text())


def test_compose_mounts_what_is_there() -> None:
    named = set(COMPOSE["volumes"])
    for service in COMPOSE["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source in named or (DOCKER / source).exists(), volume
    build = COMPOSE["services"]["mqttproxy"]["build"]
    assert (DOCKER / build["context"] / build["dockerfile"]).resolve() == DOCKER / "Dockerfile"


def test_compose_publishes_on_this_machine_only() -> None:
    for service in COMPOSE["services"].values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), port


def test_compose_services_find_each_other() -> None:
    services = set(COMPOSE["services"])
    proxy = (DOCKER / "mqttproxy.yaml").read_text()
    assert set(re.findall(r'backend: \["(\w+):9092"\]', proxy)) == {"kafka"} <= services
    assert COMPOSE["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://kafka:9092"
    prometheus = yaml.safe_load((DOCKER / "prometheus/prometheus.yaml").read_text())
    [job] = prometheus["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["mqttproxy:2381"]}]
    token = job["authorization"]["credentials_file"]
    assert any(volume.startswith(f"./api-token:{token}") for volume in COMPOSE["services"]["prometheus"]["volumes"])
    [source] = yaml.safe_load((DOCKER / "grafana/datasources.yaml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"


def test_compose_leaves_the_drain_its_time() -> None:
    default = re.search(r"`limits.drainTimeout` \| duration \| (\d+)s", (ROOT / "docs/CONFIGURATION.md").read_text())
    assert default and seconds(COMPOSE["services"]["mqttproxy"]["stop_grace_period"]) >= int(default[1]) + 10
