"""What is installed beside the binary says what the binary says."""

import re
import shutil
import subprocess

import pytest

from support.daemon import ROOT, run

MAN = ROOT / "packaging/man/mqttproxy.8"
COMPLETION = ROOT / "packaging/completions/mqttproxy"


def options(*command: str) -> set[str]:
    return set(re.findall(r"^ +(?:-\w,)?(--[a-z-]+)", run(*command, "--help").stdout, re.MULTILINE))


ALL = [(), ("check",), ("explain",)]


@pytest.mark.parametrize("command", ALL)
def test_the_manual_page_has_every_option(command: tuple[str, ...]) -> None:
    page = MAN.read_text().replace("\\-", "-")
    found = options(*command)
    assert "--help" in found
    assert found <= set(re.findall(r"--[a-z-]+", page))


@pytest.mark.skipif(shutil.which("man") is None, reason="no man here")
def test_the_manual_page_is_well_formed() -> None:
    done = subprocess.run(["man", "-l", "--warnings", "-E", "UTF-8", "-Tutf8", MAN], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == ""
    assert "mqttproxy check" in re.sub(r".\x08|\x1b\[[0-9;]*m", "", done.stdout)


BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"


def complete(line: str) -> set[str]:
    """What bash offers with the cursor at the end of the line."""
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    script = (
        f". {BASH_COMPLETION}; . {COMPLETION}\n"
        f"COMP_LINE='{line}' COMP_POINT={len(line)} COMP_WORDS=({quoted}) COMP_CWORD={len(words) - 1}\n"
        "COMP_TYPE=9 COMP_KEY=9\n"
        "_mqttproxy; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=ROOT / "config")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.fixture
def bash_completion() -> None:
    if subprocess.run(["test", "-r", BASH_COMPLETION]).returncode != 0:
        pytest.skip("no bash-completion here")


@pytest.mark.parametrize("command", ALL)
def test_completion_offers_every_option(bash_completion: None, command: tuple[str, ...]) -> None:
    assert complete(" ".join(("mqttproxy", *command, "--"))) == options(*command)


def test_completion_offers_commands_and_files(bash_completion: None) -> None:
    assert {"check", "explain"} <= complete("mqttproxy ")
    assert "quickstart.yaml" in complete("mqttproxy check ")
    assert complete("mqttproxy explain --qos ") == {"0", "1", "2"}
