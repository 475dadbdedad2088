#!/usr/bin/env python3
"""Draws results of run.py as SVG files beside them: bars for a table, lines for curves.

usage: plot.py FILE.json...
"""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

from results import median  # noqa: E402


def draw_bench(result: dict, file: Path) -> None:
    """One small chart for each row with a target: everybody's median, the daemon's range, the target as a line."""
    rows = []
    above = ""
    for row in result["rows"].values():
        # What stands indented belongs to the line above.
        above = above if row["title"].startswith(" ") else row["title"].split(":")[0]
        title = row["title"] if not row["title"].startswith(" ") else f"{above}:{row['title'][1:]}"
        if row["target"] is not None and "ours" in row["values"]:
            rows.append({**row, "title": title})
    columns = 3
    lines = -(-len(rows) // columns)
    figure, places = plt.subplots(lines, columns, figsize=(17, 2.2 * lines), squeeze=False)
    for place in places.flat[len(rows) :]:
        place.set_visible(False)
    for row, place in zip(rows, places.flat):
        names = list(row["values"])
        medians = [median(values) for values in row["values"].values()]
        low = [middle - min(values) for middle, values in zip(medians, row["values"].values())]
        high = [max(values) - middle for middle, values in zip(medians, row["values"].values())]
        colours = ["tab:blue" if name == "ours" else "tab:gray" for name in names]
        place.barh(names, medians, xerr=[low, high], color=colours)
        place.axvline(row["target"], color="tab:red", linestyle="--")
        place.invert_yaxis()
        place.set_title(f"{row['title']} [{row['unit']}]", fontsize=7)
        place.tick_params(labelsize=7)
    save(figure, file)


def draw_curves(result: dict, file: Path) -> None:
    """One chart for each column, both axes logarithmic: a straight line of slope 1 is linear growth."""
    curves = [curve for curve in result["curves"] if len(curve["x"]) > 2]
    charts = [(curve, column) for curve in curves for column in curve["columns"].values()]
    columns = 4
    lines = -(-len(charts) // columns)
    figure, places = plt.subplots(lines, columns, figsize=(16, 3 * lines), squeeze=False)
    for place in places.flat[len(charts) :]:
        place.set_visible(False)
    for (curve, column), place in zip(charts, places.flat):
        place.loglog([int(x) for x in column["points"]], list(column["points"].values()), marker="o")
        place.set_title(column["title"], fontsize=8)
        place.set_xlabel(curve["unit"], fontsize=7)
        place.tick_params(labelsize=7)
    save(figure, file)


def save(figure: plt.Figure, file: Path) -> None:
    figure.tight_layout()
    figure.savefig(file)
    print(file)


def main() -> int:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for name in sys.argv[1:]:
        source = Path(name)
        result = json.loads(source.read_text())
        draw = {"bench": draw_bench, "curves": draw_curves}[result["kind"]]
        draw(result, source.with_suffix(".svg"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
