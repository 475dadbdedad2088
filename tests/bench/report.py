#!/usr/bin/env python3
"""Tables of results, for the terminal and for docs/PERFORMANCE.md.

usage: report.py --write [BENCH.json CURVES.json …]   takes results into docs/performance/, writes the page's blocks
       report.py --check                              the blocks are what docs/performance/ says
"""

import argparse
import json
import re
import sys
from pathlib import Path

from results import ROOT, median, write

PAGE = ROOT / "docs" / "PERFORMANCE.md"
KEPT = ROOT / "docs" / "performance"
PEERS = ("librdkafka", "sink", "mosquitto", "mochi", "rumqttd")


def number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"


def verdict(row: dict) -> str:
    """Of our median; a floor counts only where it has been measured."""
    ours = median(row["values"]["ours"])
    reasons = []
    if row["target"] is not None and ours > row["target"]:
        reasons.append("not met")
    floor = row["values"].get(row["floor"])
    if floor and ours > median(floor):
        reasons.append(f"above {row['floor']}")
    if reasons:
        return ", ".join(reasons)
    return "met" if row["target"] is not None else ""


def cells(row: dict) -> list[str]:
    digits = row["digits"]
    values = row["values"]
    ours = values["ours"]
    target = "" if row["target"] is None else f"≤ {number(row['target'], digits if row['target'] % 1 else 0)}"
    if row["floor"]:
        target += f", ≤ {row['floor']}"
    line = [f"{row['title']} [{row['unit']}]", target, number(median(ours), digits)]
    line.append(f"{number(min(ours), digits)} … {number(max(ours), digits)}")
    line.append(verdict(row))
    for peer in PEERS:
        peers = values.get(peer)
        its = median(peers) if peers else 0
        line.append(f"{number(its, digits)} (×{median(ours) / its:.2f})" if its > 0 else "")
    return line


HEADER = ["", "target", "ours", "min … max", "", *PEERS]


def bench_lines(result: dict) -> list[list[str]]:
    return [cells(row) for row in result["rows"].values() if "ours" in row["values"]]


def curve_lines(curve: dict) -> tuple[list[str], list[list[str]]]:
    header = [curve["unit"], *(column["title"] for column in curve["columns"].values())]
    lines = []
    for x in curve["x"]:
        line = [f"{x:,}"]
        for column in curve["columns"].values():
            value = column["points"].get(str(x))
            line.append("" if value is None else number(value, column["digits"]))
        lines.append(line)
    return header, lines


def as_text(header: list[str], lines: list[list[str]]) -> str:
    widths = [max(len(line[i]) for line in [header, *lines]) for i in range(len(header))]

    def padded(line: list[str]) -> str:
        cells_of = [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))]
        return "  ".join(cells_of).rstrip()

    return "\n".join(padded(line) for line in [header, *lines])


def as_markdown(header: list[str], lines: list[list[str]]) -> str:
    rows = [header, ["---"] + ["--:"] * (len(header) - 1), *lines]
    # What stands indented belongs to the line above.
    return "\n".join("| " + " | ".join(re.sub("^ +", "– ", cell) for cell in row) + " |" for row in rows)


def about(result: dict) -> str:
    machine = result["machine"]
    loads = ", ".join(f"{entry['load_average']:.1f}" for entry in result["rounds"])
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items() if version)
    text = (
        f"{machine['date'][:10]}, commit `{machine['commit']}`: {machine['system']}, kernel {machine['kernel']}, "
        f"{machine['cpus']} × {machine['cpu']}, {machine['memory_gib']} GiB. {versions}. "
        f"{len(result['rounds'])} rounds, {result['seconds']:g} s a measurement; load average at their starts: {loads}."
    )
    notes = "".join(f" {note[0].upper()}{note[1:]}." for note in result["notes"])
    return text + notes


def bench_block(result: dict) -> str:
    return f"{about(result)}\n\n{as_markdown(HEADER, bench_lines(result))}"


def curves_block(result: dict) -> str:
    parts = [about(result)]
    for curve in result["curves"]:
        parts += [f"**{curve['title']}**", as_markdown(*curve_lines(curve)), curve["finding"]]
    return "\n\n".join(part for part in parts if part)


BLOCKS = {"bench": bench_block, "curves": curves_block}


def with_block(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- {name}: written by tests/bench/report.py -->", f"<!-- end of {name} -->"
    before, found, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        sys.exit(f"{PAGE} has no block {name}")
    return f"{before}{begin}\n{text}\n{end}{after}"


def written(page: str) -> str:
    for name, block in BLOCKS.items():
        file = KEPT / f"{name}.json"
        page = with_block(page, name, block(json.loads(file.read_text())))
    return page


def keep(file: Path) -> None:
    """A result without its single runs, which are thousands of lines."""
    result = json.loads(file.read_text())
    result.pop("runs", None)
    write(KEPT / f"{result['kind']}.json", result)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", nargs="*", type=Path, metavar="FILE")
    what.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    for file in arguments.write or []:
        keep(file)
    page = PAGE.read_text()
    wanted = written(page)
    if arguments.check:
        if page != wanted:
            sys.exit("docs/PERFORMANCE.md is not what docs/performance/ says: tests/bench/report.py --write")
        return 0
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
