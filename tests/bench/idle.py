#!/usr/bin/env python3
"""What an idle connection costs the daemon: resident memory with N connected clients, less that with none.

usage: MQTTPROXY_BIN=build/release/mqttproxy tests/bench/idle.py [--tls] [CONNECTIONS]

User space only; the kernel's socket buffers come on top. A first tenth of the clients comes and goes before it is
measured, so that what allocators and libraries take once does not count.
"""

import argparse
import gc
import resource
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import config  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.mqtt import connected  # noqa: E402
from support.tls import Authority, tls_connected  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("connections", nargs="?", type=int, default=2_000)
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        authority = Authority(directory, "authority")
        keys = {"useTLS": True, "certificate": [authority.server("localhost").files()]} if options.tls else {}
        daemon = Daemon(
            config.render(
                config.node(), config.proxy(**keys), config.pipeline("publish", config.kafka_filter())
            ),
            directory / "daemon",
        )
        context = authority.client_context()

        def client(number: int):
            if options.tls:
                return tls_connected(daemon.address(), context, f"idle{number}")
            return connected(daemon.address(), f"idle{number}")

        try:
            for number in range(options.connections // 10):
                client(number).end()
            daemon.wait_metric(0, "mqttproxy_connections")
            before = daemon.rss_bytes()
            clients = [client(number) for number in range(options.connections)]
            gc.collect()
            cost = (daemon.rss_bytes() - before) / len(clients)
            print(f"{len(clients)} connections, {'TLS' if options.tls else 'plain'}: {cost:.0f} bytes each")
        finally:
            daemon.stop()


if __name__ == "__main__":
    main()
