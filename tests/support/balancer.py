"""The load balancers of docs/examples, in front of nodes on this machine."""

import signal
import socket
import subprocess
from pathlib import Path

from support.daemon import ROOT, Address
from support.kafka import free_port_pair
from support.waiting import PATIENCE, wait_until

EXAMPLES = ROOT / "docs/examples"


class Balancer:
    """A process that runs the example with its addresses replaced, and nothing else."""

    def __init__(self, example: str, replacements: dict[str, str], command: list[str], directory: Path) -> None:
        text = (EXAMPLES / example).read_text()
        for old, new in replacements.items():
            assert text.count(old) == 1, f"{example} has to hold {old!r} once"
            text = text.replace(old, new)
        file = directory / example
        file.write_text(text)
        self._log = directory / f"{example}.log"
        with self._log.open("w") as log:
            # setpriv: it dies with the test run, however that ends.
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command, str(file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(f"{command[0]} listens", self._listens)

    address: Address

    def _listens(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(self.address) == 0

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(PATIENCE)


class Haproxy(Balancer):
    def __init__(self, nodes: list[Address], apis: list[Address], directory: Path) -> None:
        self.address = ("127.0.0.1", free_port_pair())
        replacements = {"bind :1883": "bind {}:{}".format(*self.address)}
        for number, (node, api) in enumerate(zip(nodes, apis), 11):
            replacements[f"192.0.2.{number}:1883 check port 2381"] = "{}:{} check port {}".format(*node, api[1])
        super().__init__("haproxy.cfg", replacements, ["haproxy", "-db", "-f"], directory)


class Nginx(Balancer):
    def __init__(self, nodes: list[Address], apis: list[Address], directory: Path) -> None:
        self.address = ("127.0.0.1", free_port_pair())
        replacements = {
            "listen 1883 ": "listen {}:{} ".format(*self.address),
            "/run/nginx.pid": str(directory / "nginx.pid"),
            "/var/log/nginx/error.log": "stderr",
        }
        for number, node in enumerate(nodes, 11):
            replacements[f"192.0.2.{number}:1883"] = "{}:{}".format(*node)
        # One process, so that it cannot outlive the one that is waited for.
        in_front = ["nginx", "-g", "daemon off; master_process off;", "-p", str(directory), "-c"]
        super().__init__("nginx.conf", replacements, in_front, directory)
