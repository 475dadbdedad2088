"""What systemd hears from the daemon, and what the unit file promises."""

import ctypes
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import config
from support.daemon import ROOT, Daemon
from support.notify import NotifySocket
from support.waiting import wait_until

UNIT = ROOT / "packaging/systemd/mqttproxy.service"
NO_KAFKA = "127.0.0.1:1"

PTRACE_CONT, PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 7, 17, 0x4206, 0x4207
WAIT_ALL = 0x40000000  # __WALL: threads too


@pytest.fixture
def notify() -> Iterator[NotifySocket]:
    yield from _open(NotifySocket())


@pytest.fixture
def watchdog() -> Iterator[NotifySocket]:
    yield from _open(NotifySocket(watchdog_seconds=2))


def _open(notify: NotifySocket) -> Iterator[NotifySocket]:
    yield notify
    notify.close()


def thread_of(daemon: Daemon, name: str) -> int:
    tasks = Path(f"/proc/{daemon.process.pid}/task").iterdir()
    return next(int(task.name) for task in tasks if (task / "comm").read_text().strip() == name)


@contextmanager
def hanging(thread: int) -> Iterator[None]:
    """That one thread of another process stands still, as a debugger would hold it."""
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    ptrace.restype = ctypes.c_long
    if ptrace(PTRACE_SEIZE, thread, None, None) != 0:
        pytest.skip(f"ptrace: {os.strerror(ctypes.get_errno())}")
    assert ptrace(PTRACE_INTERRUPT, thread, None, None) == 0
    os.waitpid(thread, WAIT_ALL)
    try:
        yield
    finally:
        assert ptrace(PTRACE_DETACH, thread, None, None) == 0


def test_ready_comes_when_it_listens_and_stopping_when_it_drains(start_daemon, notify: NotifySocket) -> None:
    daemon = start_daemon(config.simple(limits={"drainTimeout": "20s"}), env=notify.environment, wait_started=False)
    starting = notify.next()
    assert starting["STATUS"] == "starting"
    assert int(starting["EXTEND_TIMEOUT_USEC"]) > 0
    assert "READY" not in starting
    ready = notify.wait_for("READY")
    assert ready["READY"] == "1"
    assert daemon.wait_log("listening proxy=mqttproxy")
    assert daemon.http("/healthz").status == 200
    daemon.signal(signal.SIGTERM)
    stopping = notify.wait_for("STOPPING")
    assert stopping["STOPPING"] == "1"
    assert int(stopping["EXTEND_TIMEOUT_USEC"]) >= 20_000_000, "systemd must wait for as long as the drain may take"
    assert daemon.wait_exit() == 0


def test_it_is_ready_for_systemd_without_kafka_and_the_status_says_why_devices_wait(
    start_daemon, notify: NotifySocket
) -> None:
    start_daemon(config.simple(backend=NO_KAFKA), env=notify.environment)
    assert notify.wait_for("READY")["STATUS"].startswith("not ready: ")


def test_a_start_that_fails_is_never_ready(start_daemon, notify: NotifySocket, daemon: Daemon) -> None:
    failing = start_daemon(
        config.render(
            config.node(), config.proxy(port=daemon.address()[1]), config.pipeline("publish", config.kafka_filter())
        ),
        env=notify.environment,
        wait_started=False,
    )
    assert failing.wait_exit() == 1
    assert not [message for message in notify.arrived() if "READY" in message]


def test_nobody_listens_and_nothing_is_wrong(start_daemon, tmp_path: Path) -> None:
    daemon = start_daemon(config.simple(), env={"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "100000"})
    daemon.wait_ready()


def test_pings_stop_while_one_worker_hangs(start_daemon, watchdog: NotifySocket) -> None:
    daemon = start_daemon(config.simple(), env=watchdog.environment)
    for _ in range(3):
        watchdog.wait_for("WATCHDOG")
    with hanging(thread_of(daemon, "worker-1")):
        daemon.wait_log("watchdog: worker 1 does not answer")
        watchdog.arrived()
        # From here on only a broken daemon pings.
        missed = daemon.metrics().total("mqttproxy_watchdog_missed_total")
        assert missed >= 1
        wait_until("looked again", lambda: daemon.metrics().total("mqttproxy_watchdog_missed_total") >= missed + 4)
        assert not [message for message in watchdog.arrived() if "WATCHDOG" in message]
    watchdog.wait_for("WATCHDOG")
    assert daemon.wait_log("all workers answer again")


def test_healthz_fails_while_one_worker_hangs(start_daemon) -> None:
    daemon = start_daemon(config.simple())
    with hanging(thread_of(daemon, "worker-0")):
        wait_until("/healthz says 503", lambda: daemon.http("/healthz").status == 503)
        assert daemon.http("/healthz").json() == {"alive": False, "reasons": ["worker 0 does not answer"]}
    wait_until("/healthz says 200", lambda: daemon.http("/healthz").status == 200)


# ---- The unit file


def directives(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


def test_the_unit_leaves_the_default_drain_its_time() -> None:
    default = re.search(r"`limits.drainTimeout` \| duration \| (\d+)s", (ROOT / "docs/CONFIGURATION.md").read_text())
    [stop] = directives("TimeoutStopSec")
    assert default and int(stop.removesuffix("s")) >= int(default[1]) + 10


def test_the_unit_starts_what_is_installed_and_does_not_repeat_a_wrong_configuration() -> None:
    assert directives("ExecStart") == ["/usr/bin/mqttproxy --config /etc/mqttproxy/mqttproxy.yaml"]
    assert directives("ExecReload") == ["/bin/kill -HUP $MAINPID"]
    assert directives("Type") == ["notify"]
    assert directives("Restart") == ["on-failure"]
    assert directives("RestartPreventExitStatus") == ["2"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_the_unit_is_as_hardened_as_the_documentation_says() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--no-pager", "--offline=yes", UNIT], capture_output=True, text=True
    )
    score = re.search(r"Overall exposure level for mqttproxy.service: ([0-9.]+)", done.stdout)
    assert score, done.stdout + done.stderr
    stated = re.search(r"`systemd-analyze security` says (\d+\.\d+)", (ROOT / "docs/OPERATIONS.md").read_text())
    assert stated and score[1] == stated[1], done.stdout
