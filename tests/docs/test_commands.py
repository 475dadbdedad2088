"""Every command of README and GETTING_STARTED is carried out, in the order of the page, as a reader would: the daemon as
built, a real Kafka where the page starts one, and the pages' own ports and folders' names."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.daemon import ROOT
from support.document import Commands, CtrlC, File, Output, Step, steps
from support.networks import Networks, NotAllowedError
from support.waiting import wait_until

PAGES = ("README.md", "docs/GETTING_STARTED.md")

# Not carried out here: another test does what the command is for, by the words behind it.
ELSEWHERE = {
    "scripts/test.sh": ("scripts/test.sh", "pytest docs"),
    "scripts/package.sh": ("scripts/package_test.sh", "scripts/package.sh"),
    "docker compose -f docker/compose.yaml up --build": ("scripts/image_test.sh", "docker/Dockerfile"),
    "sudo apt-get install --no-install-recommends default-jre-headless maven": (
        "scripts/packages.sh",
        "default-jre-headless maven",
    ),
    "sudo apt-get install ./build/package/mqttproxy_*.deb": (
        "scripts/package_test.sh",
        "apt install /root/mqttproxy.deb",
    ),
    "sudoedit /etc/mqttproxy/mqttproxy.yaml": ("scripts/package_test.sh", 'cp "$ROOT/config/quickstart.yaml" "$config"'),
    "sudo mqttproxy check /etc/mqttproxy/mqttproxy.yaml && sudo systemctl restart mqttproxy": (
        "tests/packaging/systemd.sh",
        'systemctl restart "$unit"',
    ),
    "systemctl status mqttproxy": ("tests/packaging/systemd.sh", "systemctl status"),
}

# What stays in its terminal until Ctrl-C, and what it prints when it is there. A subscriber prints nothing.
FOREGROUND = {
    "scripts/quickstart.sh": "^Ctrl-C stops it",
    "mqttproxy --config": " kafka ready ",
    "mosquitto_sub": None,
}
# What is typed where a command asks.
TYPED = {"mqttproxy hash-password": "secret\n"}
# Ends with the test, whatever becomes of it; Ctrl-C works although a test run may be in the background of a shell.
_COMMAND = ("env", "--default-signal=INT", "setpriv", "--pdeathsig", "TERM", "--")
# Quick start and Kafka; a build that is up to date.
SECONDS = 300
# What is printed by then is what there is.
OUTPUT_SECONDS = 30


@dataclass
class Running:
    command: str
    process: subprocess.Popen[bytes]
    output: Path

    def printed(self) -> str:
        return self.output.read_text(errors="replace")


class Reader:
    """Somebody with terminals, who has just cloned the repository and has opened the first terminal there."""

    def __init__(self, scratch: Path, machine: tuple[str, ...]) -> None:
        self._scratch = scratch
        self._machine = machine
        self._first_terminal = scratch / "terminal"
        self._first_terminal.write_text(f"cd {ROOT}\n")
        self._other_terminals = scratch / "other"
        self._other_terminals.write_text(f"cd {scratch}\n")
        self._foreground: list[Running] = []
        self._printed = ""  # by commands since the last Output
        self._count = 0

    def do(self, step: Step) -> None:
        match step:
            case Commands(commands=commands):
                for command in commands:
                    if command not in ELSEWHERE:
                        self._paste(self._in_scratch(command))
            case Output():
                self._expect(step)
            case File(text=text):
                self._write(text)
            case CtrlC():
                self.interrupt()

    def interrupt(self) -> None:
        """Ctrl-C in every terminal where something runs."""
        while self._foreground:
            running = self._foreground.pop()
            os.killpg(running.process.pid, signal.SIGINT)
            code = running.process.wait(SECONDS)
            assert code in (0, 130, -signal.SIGINT), f"{running.command}: {code}\n{running.printed()}"

    def close(self) -> None:
        for running in self._foreground:
            if running.process.poll() is None:
                os.killpg(running.process.pid, signal.SIGTERM)
                running.process.wait(SECONDS)

    def _in_scratch(self, text: str) -> str:
        """The pages' folders are in /tmp, the test's own are elsewhere; a port that only its program knows."""
        text = text.replace("/tmp/", f"{self._scratch}/")
        if "PORT" in text:
            quick_start = self._foreground[0].printed()
            port = re.search(r"kcat -C -b 127\.0\.0\.1:(\d+)", quick_start)
            assert port, quick_start
            text = text.replace("PORT", port[1])
        return text

    def _start(self, command: str) -> Running:
        """In the first terminal if nothing runs there, else in another one."""
        terminal = self._other_terminals if self._foreground else self._first_terminal
        self._count += 1
        script = self._scratch / f"{self._count}.sh"
        # What the next command finds: folder, the one before, variables.
        script.write_text(
            f". {terminal}\n{command}\ncode=$?\n"
            f'{{ declare -px; printf "cd %q; cd %q\\n" "${{OLDPWD:-$PWD}}" "$PWD"; }} >{terminal}\nexit $code\n'
        )
        output = self._scratch / f"{self._count}.out"
        typed = next((text for start, text in TYPED.items() if command.startswith(start)), "")
        with output.open("wb") as file:
            process = subprocess.Popen(
                [*_COMMAND, *self._machine, "bash", str(script)],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | {"KAFKA_OWNER": str(os.getpid())},
            )
        assert process.stdin
        process.stdin.write(typed.encode())
        process.stdin.close()
        return Running(command, process, output)

    def _paste(self, command: str) -> None:
        if self._foreground and self._foreground[0].command.startswith("scripts/quickstart.sh"):
            # It has printed what the page says; the page breaks long lines.
            assert " ".join(command.replace("\\\n", "").split()) in self._foreground[0].printed()
        running = self._start(command)
        self._foreground.append(running)
        for start, there in FOREGROUND.items():
            if command.startswith(start):
                return self._await_there(running, there)
        code = running.process.wait(SECONDS)
        self._foreground.pop()
        assert code == 0, f"{command}: exit code {code}\n{running.printed()}"
        assert '{"code":' not in running.printed(), f"{command}: {running.printed()}"  # curl does not mind
        self._printed += running.printed() + "\n"  # an answer of the API has no end of line

    def _await_there(self, running: Running, there: str | None) -> None:
        def is_there() -> bool:
            assert running.process.poll() is None, f"{running.command} has ended:\n{running.printed()}"
            if there:
                return bool(re.search(there, running.printed(), re.MULTILINE))
            metrics = [*self._machine, "curl", "-sS", "http://127.0.0.1:2381/metrics"]
            said = subprocess.run(metrics, capture_output=True, text=True, check=True).stdout
            return bool(re.search("^mqttproxy_subscriptions [1-9]", said, re.MULTILINE))

        wait_until(f"{running.command} is there", is_there, timeout=SECONDS)

    def _expect(self, output: Output) -> None:
        def printed() -> str:
            return self._printed + "".join(running.printed() for running in self._foreground)

        for pattern in output.patterns():
            try:
                wait_until(pattern.pattern, lambda: pattern.search(printed()), timeout=OUTPUT_SECONDS)
            except AssertionError:
                pytest.fail(f"line {output.line}: {pattern.pattern} is not printed, but\n{printed()}")
        self._printed = ""

    def _write(self, text: str) -> None:
        """The page tells what to do with it: the file, a part for it, one document more."""
        file = self._scratch / "gateway/mqttproxy.yaml"
        before = file.read_text() if file.exists() else ""
        if "kind: MQTTProxy" in text:
            assert not before
            file.write_text(text)
        elif text.startswith("listeners:"):
            [port] = re.findall(r"^port: 1883.*\n", before, re.MULTILINE)
            file.write_text(before.replace(port, port + text))
        else:
            assert text.startswith("kind: Node"), text
            file.write_text(f"{before}---\n{text}")


@pytest.fixture(scope="module")
def machine() -> Iterator[tuple[str, ...]]:
    """In front of a command: runs it where nobody else has the ports of the pages. Where no network namespace can be made
    that is this machine, and they must be free."""
    try:
        networks = Networks(hosts=1)
    except NotAllowedError:
        yield ()
        return
    yield networks.hosts[0].inside
    networks.close()


@pytest.mark.parametrize("page", PAGES)
def test_what_the_page_says_can_be_done(page: str, machine: tuple[str, ...], tmp_path: Path) -> None:
    reader = Reader(tmp_path, machine)
    try:
        for step in steps(ROOT / page):
            reader.do(step)
        reader.interrupt()
    finally:
        reader.close()


def pasted() -> set[str]:
    found = [step.commands for page in PAGES for step in steps(ROOT / page) if isinstance(step, Commands)]
    return {command for commands in found for command in commands}


@pytest.mark.parametrize("command", ELSEWHERE)
def test_what_is_carried_out_elsewhere_is_there(command: str) -> None:
    assert command in pasted(), "no page says it any more"
    file, words = ELSEWHERE[command]
    assert words in (ROOT / file).read_text()
