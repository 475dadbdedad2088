#!/usr/bin/env python3
"""Turns a text corpus into one binary file per line.

usage: make_corpus.py CORPUS.txt OUTPUT_DIR

A line holds hex bytes and text in single quotes, blanks between them don't matter: 10 0c 00 04 'MQTT' 04 02.
Empty lines and lines that begin with // are skipped.
"""

import pathlib
import re
import sys

TOKEN = re.compile(r"\s*(?:'([^']*)'|([0-9a-f]{2}))")


def parse(line):
    """The bytes a line stands for; ValueError when it isn't in the notation."""
    out = b""
    position = 0
    while position < len(line):
        match = TOKEN.match(line, position)
        if match is None:
            raise ValueError(f"column {position + 1}: expected hex bytes or quoted text")
        text, byte = match.groups()
        out += text.encode() if text is not None else bytes.fromhex(byte)
        position = match.end()
    return out


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source = pathlib.Path(sys.argv[1])
    output = pathlib.Path(sys.argv[2])
    output.mkdir(parents=True, exist_ok=True)
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("//"):
            continue
        try:
            (output / f"{source.stem}-{number:03}").write_bytes(parse(line))
        except ValueError as error:
            sys.exit(f"{source}:{number}: {error}")


if __name__ == "__main__":
    main()
