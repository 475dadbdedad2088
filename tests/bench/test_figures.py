"""What the benchmark says about figures: whether a target is met, whether growth is too fast, what the page holds."""

import sys
from pathlib import Path

import curves
import peers
import pytest
import report

sys.path.insert(0, str(Path(__file__).with_name("micro")))

import check  # noqa: E402


def row(ours: list[float], target: float | None, **peers: list[float]) -> dict:
    values = {"ours": ours, **peers}
    return {"title": "work", "unit": "µs", "target": target, "floor": "librdkafka", "digits": 2, "values": values}


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        (row([1.0, 1.9, 9.0], 2.0), "met"),
        (row([1.0, 2.1, 2.2], 2.0), "not met"),
        (row([1.9], 2.0, librdkafka=[1.8]), "above librdkafka"),
        (row([2.1], 2.0, librdkafka=[1.8]), "not met, above librdkafka"),
        (row([1.7], 2.0, librdkafka=[1.8], mosquitto=[0.1]), "met"),
        (row([1.7], None), ""),
    ],
)
def test_verdict_is_about_the_median(figures: dict, expected: str) -> None:
    assert report.verdict(figures) == expected


def test_a_line_has_target_range_and_ratios() -> None:
    line = report.cells(row([1.0, 3.0, 2.0], 2.5, mosquitto=[4.0, 8.0, 2.0]))
    assert line[:5] == ["work [µs]", "≤ 2.50, ≤ librdkafka", "2.00", "1.00 … 3.00", "met"]
    assert line[5:] == ["", "", "4.00 (×0.50)", "", ""]


def curve(each: bool) -> curves.Curve:
    return curves.Curve("c", "things", (1, 10, 100), {"cost": curves.Column("cost", each=each)}, lambda *_: None)


@pytest.mark.parametrize(
    ("each", "points", "named"),
    [
        (True, (5, 5, 5), ""),
        (True, (5, 5, 10), "cost from 10 to 100 (power 1.30)"),
        (False, (5, 50, 500), ""),
        (False, (5, 50, 800), "cost from 10 to 100 (power 1.20)"),
        (False, (5, 80, 90), "cost from 1 to 10 (power 1.20)"),
    ],
)
def test_growth_faster_than_linear_is_named(each: bool, points: tuple[int, ...], named: str) -> None:
    steps = {"cost": {str(10**i): float(point) for i, point in enumerate(points)}}
    expected = f"Worse than linear: {named}." if named else "Nothing here is worse than linear."
    assert curves.finding(curve(each), steps) == expected


def test_a_block_of_the_page_is_replaced_and_nothing_else() -> None:
    page = "before\n<!-- bench: written by tests/bench/report.py -->\nold\n<!-- end of bench -->\nafter\n"
    assert report.with_block(page, "bench", "new") == page.replace("old", "new")
    with pytest.raises(SystemExit):
        report.with_block("no block", "bench", "new")


@pytest.mark.parametrize(
    ("counted", "budget", "expected"),
    [
        (1_050, 1_000, "as budgeted"),
        (1_051, 1_000, "ABOVE"),
        (950, 1_000, "as budgeted"),
        (949, 1_000, "below: update the budget"),
        (1, None, "not in the budget"),
    ],
)
def test_instructions_have_a_tolerance(counted: int, budget: int | None, expected: str) -> None:
    assert check.verdict(counted, budget, 5) == expected


def test_a_peer_that_is_not_there_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers.shutil, "which", lambda *_, **__: None)
    (tmp_path / "mochi").touch(mode=0o755)
    makers, notes = peers.find(tmp_path / "sink", tmp_path, tmp_path, None)
    assert list(makers) == ["mochi", "sink"]
    assert notes == ["mosquitto is not installed", "rumqttd is left out: cargo is not installed"]
    assert peers.versions(list(makers), tmp_path)["mochi"].startswith("v2.")
