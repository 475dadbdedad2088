"""What a run has found, as one JSON object: about the machine, about the run, and for each row who had which values."""

import datetime
import json
import os
import platform
import re
import statistics
import subprocess
from pathlib import Path

from rows import ROWS
from tools import Samples

ROOT = Path(__file__).resolve().parents[2]


def machine() -> dict:
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": _output(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]),
        "system": _release(),
        "kernel": platform.release(),
        "cpu": _cpu_model(),
        "cpus": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
    }


def library_versions() -> dict[str, str]:
    """Of what the daemon is linked with; empty texts where there is no Debian."""
    packages = {"librdkafka": "librdkafka1", "openssl": "libssl3", "gcc": "g++-12"}
    return {name: _output(["dpkg-query", "-W", "-f", "${Version}", package]) for name, package in packages.items()}


def summary(samples: Samples) -> dict:
    return {
        row.key: {
            "title": row.title,
            "unit": row.unit,
            "target": row.target,
            "floor": row.floor,
            "digits": row.digits,
            "values": samples.values[row.key],
        }
        for row in ROWS
        if row.key in samples.values
    }


def median(values: list[float]) -> float:
    return statistics.median(values)


def write(path: Path, result: dict) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1, ensure_ascii=False)
    # A list of numbers is one line.
    text = re.sub(r"\[\s+([-\d.e,\s]+?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text)
    path.write_text(text + "\n")
    return path


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def _release() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.split("=", 1)[1].strip('"')
    return platform.system()


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()
