#!/usr/bin/env python3
"""Carries out a Dockerfile without Docker, as far as this project's goes: every FROM is a fresh root directory
(scripts/fresh_root.sh) of this machine's Debian release, every COPY and RUN is done in it.

    dockerfile.py DOCKERFILE CONTEXT DIRECTORY [--bind FROM:TO]

DIRECTORY gets one root per stage and `image.json`: the last root, and how a container would be started. The exit code
is that of the first RUN that fails. An instruction that is not known here is an error: nothing is passed over."""

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

FRESH_ROOT = Path(__file__).resolve().parents[2] / "scripts/fresh_root.sh"


@dataclass
class Stage:
    name: str
    root: Path
    folder: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)


def instructions(text: str) -> list[tuple[str, str]]:
    """(word, the rest), continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split(None, 1)[0].upper(), line.split(None, 1)[1]) for line in joined.splitlines() if line.strip()]


def run(stage: Stage, bind: list[str], *command: str) -> None:
    subprocess.run([FRESH_ROOT, "run", *bind, stage.root, *command], stdin=subprocess.DEVNULL, check=True)


def ignored(context: Path) -> set[str]:
    lines = [line for line in (context / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    for line in lines:
        if not re.fullmatch(r"[\w.-]+", line):
            raise SystemExit(f".dockerignore: only names at the top are understood here, not {line}")
    return set(lines)


def copy(stage: Stage, stages: dict[str, Stage], context: Path, arguments: str) -> None:
    words = shlex.split(arguments)
    source, skipped = context, ignored(context)
    if words[0].startswith("--from="):
        source, skipped = stages[words.pop(0).removeprefix("--from=")].root, set()
    *names, to = words
    if not to.startswith("/"):
        to = f"{stage.folder}/{to}"
    target = stage.root / to.lstrip("/")
    for name in names:
        path = source / name.lstrip("/")
        if path.is_dir():  # its content, as Docker does
            shutil.copytree(
                path,
                target,
                symlinks=True,
                dirs_exist_ok=True,
                ignore=lambda folder, entries: skipped & set(entries) if Path(folder) == context else set(),
            )
        else:
            file = target / path.name if to.endswith("/") else target
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, file)


def build(dockerfile: Path, context: Path, directory: Path, bind: list[str]) -> Stage:
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for word, rest in instructions(dockerfile.read_text()):
        print(f"== {word} {rest}", flush=True)
        if word == "FROM":
            match = re.fullmatch(r"debian:(\d+)-slim(?: AS (\w+))?", rest)
            release = re.search(r'^VERSION_ID="(\d+)"', Path("/etc/os-release").read_text(), re.MULTILINE)
            if not match or not release or match[1] != release[1]:
                raise SystemExit(f"FROM {rest}: only this machine's Debian release can be had here")
            name = match[2] or "image"
            stage = stages[name] = Stage(name, directory / name)
            subprocess.run([FRESH_ROOT, "make", stage.root], check=True)
            continue
        assert stage, "FROM comes first"
        if word == "WORKDIR":
            stage.folder = rest
            (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            copy(stage, stages, context, rest)
        elif word == "RUN":
            assert stage.user == "0:0", "RUN after USER is not known here"
            run(stage, bind, "sh", "-c", f"cd {stage.folder} && {rest}")
        elif word == "USER":
            stage.user = rest
        elif word == "EXPOSE":
            stage.ports = rest.split()
        elif word == "ENTRYPOINT":
            stage.entrypoint = json.loads(rest)
        elif word == "CMD":
            stage.command = json.loads(rest)
        elif word == "HEALTHCHECK":
            stage.health = json.loads(rest.partition("CMD ")[2])
        else:
            raise SystemExit(f"{word} is not known here")
    assert stage
    return stage


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("dockerfile", type=Path)
    parser.add_argument("context", type=Path)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--bind", help="folder of this machine to show to every RUN, as FROM:TO")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    bind = ["--bind", options.bind] if options.bind else []
    try:
        stage = build(options.dockerfile, options.context.resolve(), options.directory.resolve(), bind)
    except subprocess.CalledProcessError as failure:
        sys.exit(failure.returncode or 1)
    image = {"root": str(stage.root), "user": stage.user, "ports": stage.ports, "health": stage.health}
    image["start"] = [*stage.entrypoint, *stage.command]
    (options.directory / "image.json").write_text(json.dumps(image))


if __name__ == "__main__":
    main()
