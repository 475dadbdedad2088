"""Waiting for something to become true, with a bound. The only place that sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Hang guard of every wait. Far above what anything takes, also under a sanitizer on a busy machine.
PATIENCE = 120.0


def wait_until(what: str, probe: Callable[[], T], timeout: float = PATIENCE, pause: float = 0.05) -> T:
    """Calls `probe` until it returns something true and returns that; an AssertionError naming `what` if it never does."""
    deadline = time.monotonic() + timeout
    while True:
        result = probe()
        if result:
            return result
        assert time.monotonic() < deadline, f"not within {timeout:.0f} s: {what}"
        time.sleep(pause)
