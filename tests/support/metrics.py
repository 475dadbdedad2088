"""Prometheus text format 0.0.4, as far as tests look at it."""

import re

_SAMPLE = re.compile(r"^([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"')


class Metrics:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.types: dict[str, str] = {}
        self._samples: list[tuple[str, dict[str, str], float]] = []
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ", 3)
                self.types[name] = kind
            elif line and not line.startswith("#"):
                match = _SAMPLE.match(line)
                assert match, f"not Prometheus text: {line!r}"
                self._samples.append((match[1], dict(_LABEL.findall(match[2] or "")), float(match[3])))

    def names(self) -> set[str]:
        return {name for name, _, _ in self._samples}

    def labels(self, name: str, label: str) -> set[str]:
        """The values of one label over the family's samples."""
        return {has[label] for sample, has, _ in self._samples if sample == name}

    def total(self, name: str, **labels: str) -> float:
        """Sum of the family's samples that carry these labels; 0 when there is none."""
        return sum(value for sample, has, value in self._samples if sample == name and labels.items() <= has.items())
