"""A page of the documentation as its reader meets it: commands to paste, what they print, files to write."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Commands:
    """An indented block: what to paste into a shell, one command after the other."""

    line: int
    commands: tuple[str, ...]


@dataclass(frozen=True)
class Output:
    """A fenced block of `text`: lines that what was pasted before prints; an ellipsis stands for anything."""

    line: int
    text: str

    def patterns(self) -> list[re.Pattern[str]]:
        lines = (re.escape(line).replace("…", ".*") for line in self.text.splitlines())
        return [re.compile(rf"^{line}$", re.MULTILINE) for line in lines]


@dataclass(frozen=True)
class File:
    """A fenced block of `yaml`."""

    line: int
    text: str


@dataclass(frozen=True)
class CtrlC:
    """Prose that tells to end what runs in the foreground."""

    line: int


Step = Commands | Output | File | CtrlC


def steps(page: Path) -> Iterator[Step]:
    """Everything a reader is to do, in the order of the page. Raises for a fenced block that is none of these."""
    lines = page.read_text().splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        start = number + 1
        if line.startswith("```"):
            end = lines.index("```", start)
            step = _fenced(line.removeprefix("```"), start, lines[start:end])
            if step:
                yield step
            number = end + 1
        elif line.startswith("    ") and not lines[number - 1]:
            end = next((i for i in range(start, len(lines)) if not lines[i].startswith("    ")), len(lines))
            yield Commands(start, tuple(_split(line[4:] for line in lines[number:end])))
            number = end
        else:
            if "Ctrl-C" in line:
                yield CtrlC(start)
            number += 1


def _fenced(language: str, line: int, body: list[str]) -> Step | None:
    text = "\n".join(body) + "\n"
    if language == "text":
        return Output(line, text)
    if language == "yaml":
        return File(line, text)
    assert not language and "─" in text, f"line {line}: commands are indented; ```{language} is for nothing"
    return None  # a drawing


def _split(lines: Iterator[str]) -> Iterator[str]:
    """Commands of a block: a backslash at the end of a line goes on with the next one."""
    command = ""
    for line in lines:
        command += line
        if line.endswith("\\"):
            command += "\n"
            continue
        yield re.sub(r"\s+# .*", "", command)
        command = ""
    assert not command, f"it ends with a backslash: {command}"
