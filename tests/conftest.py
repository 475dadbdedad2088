"""Fixtures every test folder uses."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import config
from support.daemon import BINARY, Daemon


def pytest_report_header() -> str:
    return f"daemon: {BINARY}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if report.failed:
        for daemon in Daemon.running:
            report.sections.append((f"log of pid {daemon.process.pid}", daemon.log_tail()))
    return report


StartDaemon = Callable[..., Daemon]


def _stop_all(daemons: list[Daemon]) -> None:
    """Stops all of them, and only then complains about the first that did not end well."""
    failures = []
    for daemon in daemons:
        if daemon not in Daemon.running:
            continue
        try:
            daemon.stop()
        except Exception as failure:
            failures.append(failure)
            if daemon in Daemon.running:
                daemon.process.kill()
                daemon.wait_exit()
    if failures:
        raise failures[0]


@contextmanager
def _starting(directory: Path) -> Iterator[StartDaemon]:
    daemons: list[Daemon] = []

    def start(documents: str, **options: object) -> Daemon:
        daemons.append(Daemon(documents, directory / f"daemon{len(daemons)}", **options))
        return daemons[-1]

    yield start
    _stop_all(daemons)


@pytest.fixture
def start_daemon(tmp_path: Path) -> Iterator[StartDaemon]:
    """Starts daemons of the test's own; at its end each still running must end well."""
    with _starting(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def start_shared_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartDaemon]:
    """Starts daemons for all tests of a module."""
    with _starting(tmp_path_factory.mktemp("shared")) as start:
        yield start


@pytest.fixture(scope="module")
def daemon(start_shared_daemon: StartDaemon) -> Daemon:
    """One daemon for all tests of a module: no authentication, embedded Kafka, everything into topic `uplink`."""
    return start_shared_daemon(config.simple())
