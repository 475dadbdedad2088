#!/usr/bin/env python3
"""Counts the instructions of single steps of the packet path and compares them with budget.json.

usage: check.py [--update] MICRO     MICRO is the program micro of the release preset

Valgrind counts instructions, so neither load nor clock speed shows in them; the compiler does, so they are compared
only where the program was built with the budget's. More than the tolerance above the budget fails; below it the
budget should follow: --update writes what was counted.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

BUDGET = Path(__file__).with_name("budget.json")


def count(micro: str, scenario: str) -> int:
    """Instructions of one turn."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=micro_counted"]
    done = subprocess.run([*command, micro, scenario], capture_output=True, text=True, check=False)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or collected is None:
        sys.exit(f"{scenario} could not be counted:\n{done.stderr}")
    return round(int(collected[1]) / int(done.stdout))


def said(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def verdict(counted: int, budget: int | None, tolerance: float) -> str:
    if budget is None:
        return "not in the budget"
    if counted > budget * (1 + tolerance / 100):
        return "ABOVE"
    return "below: update the budget" if counted < budget * (1 - tolerance / 100) else "as budgeted"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("micro")
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed (scripts/packages.sh bench)")
    budget = json.loads(BUDGET.read_text())
    compiler = said([arguments.micro, "--compiler"])
    if compiler != budget["compiler"] and not arguments.update:
        print(f"not compared: built with {compiler}, the budget is for {budget['compiler']} (Debian 12)")
        return 0
    scenarios = said([arguments.micro]).split()
    counted = {scenario: count(arguments.micro, scenario) for scenario in scenarios}
    if arguments.update:
        BUDGET.write_text(json.dumps({**budget, "compiler": compiler, "instructions": counted}, indent=2) + "\n")
    wanted = counted if arguments.update else budget["instructions"]
    tolerance = budget["tolerance_percent"]
    verdicts = {name: verdict(value, wanted.get(name), tolerance) for name, value in counted.items()}
    print(f"{'instructions of one':32}{'counted':>10}{'budget':>10}{'change':>9}  ")
    for name, value in counted.items():
        change = f"{(value / wanted[name] - 1) * 100:+.1f} %" if name in wanted else ""
        print(f"{name:32}{value:>10,}{wanted.get(name, 0):>10,}{change:>9}  {verdicts[name]}")
    gone = sorted(set(wanted) - set(counted))
    for name in gone:
        print(f"{name:32} is in the budget and no longer in the program")
    failed = sum(text in ("ABOVE", "not in the budget") for text in verdicts.values()) + len(gone)
    print(f"{failed} steps above the budget or not in it" if failed else f"{len(counted)} steps within the budget")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
