"""Brokers and floors that take turns with the daemon, each a context manager; none of them has a Kafka behind it.

A peer that is not there is no error: find() says why, and the table has an empty column.
"""

import functools
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from servers import Certificate, Process, free_port

Maker = Callable[[], Process]


class Mosquitto(Process):
    """Debian's mosquitto without its default limits on what is in flight; a second port with TLS."""

    name = "mosquitto"
    http = False

    def __init__(self, binary: str, directory: Path, certificate: Certificate, file: str = "mosquitto"):
        self.again = functools.partial(Mosquitto, binary, directory, certificate)
        self.port = free_port()
        self.tls_port = free_port()
        config = directory / f"{file}.conf"
        # The key is root's: Debian's mosquitto would become another user and could not read it.
        config.write_text(
            "user root\npersistence false\nallow_anonymous true\nmax_inflight_messages 0\nmax_queued_messages 0\n"
            f"listener {self.port} 127.0.0.1\nlistener {self.tls_port} 127.0.0.1\n"
            f"certfile {certificate.cert_file}\nkeyfile {certificate.key_file}\n"
        )
        super().__init__([binary, "-c", str(config)], directory / f"{file}.log")


class Mochi(Process):
    """mochi-mqtt, the Go library that other proxies embed (peers/mochi)."""

    name = "mochi"
    http = False

    def __init__(self, binary: Path, directory: Path):
        self.port = free_port()
        super().__init__([str(binary), f"127.0.0.1:{self.port}"], directory / "mochi.log")


class Rumqttd(Process):
    """rumqttd, the Rust broker."""

    name = "rumqttd"
    http = False

    def __init__(self, binary: Path, directory: Path):
        self.port = free_port()
        config = directory / "rumqttd.toml"
        config.write_text(
            "id = 0\n"
            "[router]\nid = 0\nmax_connections = 20000\nmax_outgoing_packet_count = 200\n"
            "max_segment_size = 104857600\nmax_segment_count = 10\n"
            f'[v4.1]\nname = "v4-1"\nlisten = "127.0.0.1:{self.port}"\nnext_connection_delay_ms = 0\n'
            "[v4.1.connections]\nconnection_timeout_ms = 60000\nmax_payload_size = 1048576\n"
            "max_inflight_count = 500\ndynamic_filters = true\n"
            f'[console]\nlisten = "127.0.0.1:{free_port()}"\n'
        )
        super().__init__([str(binary), "-c", str(config)], directory / "rumqttd.log")


class Sink(Process):
    """The floor of the socket half: reads, acknowledges, does nothing else (sink.cpp)."""

    name = "sink"
    http = False

    def __init__(self, binary: Path, directory: Path):
        self.port = free_port()
        super().__init__([str(binary), str(self.port)], directory / "sink.log")


def find(sink: Path, peers: Path, directory: Path, certificate: Certificate) -> tuple[dict[str, Maker], list[str]]:
    """What can be started, by name, and a note for each that cannot."""
    mosquitto = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    mochi = peers / "mochi"
    rumqttd = peers / "bin" / "rumqttd"
    makers: dict[str, Maker] = {}
    notes = []
    if mosquitto:
        makers["mosquitto"] = lambda: Mosquitto(mosquitto, directory, certificate)
    else:
        notes.append("mosquitto is not installed")
    for name, binary, make, tool in (("mochi", mochi, Mochi, "go"), ("rumqttd", rumqttd, Rumqttd, "cargo")):
        if os.access(binary, os.X_OK):
            makers[name] = lambda make=make, binary=binary: make(binary, directory)
        elif shutil.which(tool) is None:
            notes.append(f"{name} is left out: {tool} is not installed")
        else:
            notes.append(f"{name} is left out: scripts/bench.sh could not build it")
    makers["sink"] = lambda: Sink(sink, directory)
    return makers, notes


def versions(names: list[str], peers: Path) -> dict[str, str]:
    """What the found peers call themselves."""
    result = {}
    if "mosquitto" in names:
        text = _output(["dpkg-query", "-W", "-f", "${Version}", "mosquitto"])
        result["mosquitto"] = text or "unknown"
    if "mochi" in names:
        modules = (Path(__file__).parent / "peers" / "mochi" / "go.mod").read_text().split()
        result["mochi"] = modules[modules.index("github.com/mochi-mqtt/server/v2") + 1]
    if "rumqttd" in names:
        text = _output(["cargo", "install", "--list", "--root", str(peers)])
        result["rumqttd"] = text.split(":")[0].removeprefix("rumqttd ") if text else "unknown"
    return result


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
