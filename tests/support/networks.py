"""Hosts for nodes: each has a network to Kafka, which can lose packets, and one to devices and backends."""

import os
import subprocess
from dataclasses import dataclass

# A classic BPF program for every packet: load a random word; below the threshold answer TC_ACT_SHOT, else TC_ACT_OK.
# Any kernel with cls_bpf has this, while netem is a module of its own that many lack.
_DROP_AT_RANDOM = "4,32 0 0 4294963256,53 1 0 {threshold},6 0 0 2,6 0 0 0"


class NotAllowedError(Exception):
    """This process may not make network namespaces."""


@dataclass(frozen=True)
class Host:
    """A network namespace: its address for devices and backends, its way to Kafka."""

    namespace: str
    address: str
    _kafka_port: str  # this side's end of the link to Kafka

    @property
    def inside(self) -> tuple[str, ...]:
        """In front of a command: runs it here."""
        return _inside(self.namespace)

    def lose(self, share: float) -> None:
        """That share of the packets to and from Kafka from now on, from 0 to 1."""
        program = _DROP_AT_RANDOM.format(threshold=round(share * (2**32 - 1)))
        for direction in ("ingress", "egress"):
            _run("tc", "filter", "del", "dev", self._kafka_port, direction, check=False)
            if share > 0:
                _run(
                    *("tc", "filter", "add", "dev", self._kafka_port, direction, "pref", "1", "handle", "1"),
                    *("bpf", "da", "bytecode", program),
                )


class Networks:
    """Two bridges on this machine and hosts that hang on both. Addresses and names come from this process' id, so that
    test runs do not meet."""

    def __init__(self, hosts: int) -> None:
        tag = os.getpid() % 32768
        self._prefix = f"mq{tag}"
        net = f"10.{64 + tag // 256}.{tag % 256}"
        self.kafka_host = f"{net}.1"
        self._links: list[str] = []
        self._namespaces: list[str] = []
        self.hosts: list[Host] = []
        try:
            kafka = self._bridge("k", f"{net}.1/25")
            devices = self._bridge("d", f"{net}.129/25")
            for number in range(hosts):
                namespace = f"{self._prefix}-{number}"
                _run("ip", "netns", "add", namespace)
                self._namespaces.append(namespace)
                _run(*_inside(namespace), "ip", "link", "set", "lo", "up")
                kafka_port = self._link(namespace, kafka, f"k{number}", f"{net}.{2 + number}/25")
                self._link(namespace, devices, f"d{number}", f"{net}.{130 + number}/25")
                _run("tc", "qdisc", "add", "dev", kafka_port, "clsact")
                self.hosts.append(Host(namespace, f"{net}.{130 + number}", kafka_port))
        except subprocess.CalledProcessError as failure:
            self.close()
            if "not permitted" in failure.stderr or "denied" in failure.stderr:
                raise NotAllowedError(failure.stderr.strip()) from failure
            raise AssertionError(f"{failure}: {failure.stderr}") from failure

    def _bridge(self, name: str, address: str) -> str:
        bridge = f"{self._prefix}{name}"
        _run("ip", "link", "add", bridge, "type", "bridge")
        self._links.append(bridge)
        _run("ip", "addr", "add", address, "dev", bridge)
        _run("ip", "link", "set", bridge, "up")
        return bridge

    def _link(self, namespace: str, bridge: str, name: str, address: str) -> str:
        here = f"{self._prefix}{name}"
        _run("ip", "link", "add", here, "type", "veth", "peer", "name", name, "netns", namespace)
        self._links.append(here)
        _run("ip", "link", "set", here, "master", bridge, "up")
        _run(*_inside(namespace), "ip", "addr", "add", address, "dev", name)
        _run(*_inside(namespace), "ip", "link", "set", name, "up")
        return here

    def close(self) -> None:
        for namespace in self._namespaces:
            _run("ip", "netns", "del", namespace, check=False)
        for link in reversed(self._links):
            _run("ip", "link", "del", link, check=False)  # those in namespaces are gone with these


def _inside(namespace: str) -> tuple[str, ...]:
    # `ip netns exec` wants to mount /sys anew, which a container or chroot may not let it.
    return ("nsenter", f"--net=/run/netns/{namespace}")


def _run(*command: str, check: bool = True) -> None:
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=check)
