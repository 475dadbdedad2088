"""Headless Chromium (Debian: chromium, chromium-driver) that looks at the daemon's status page."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from support.daemon import ROOT, Daemon
from support.waiting import wait_until


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", action="store_true", help="take the pictures in docs/images again")


class Page:
    """The page of one daemon in one tab."""

    def __init__(self, driver: webdriver.Chrome, daemon: Daemon) -> None:
        self.driver = driver
        self.base = "http://%s:%d/" % daemon.api
        self.tolerated: list[str] = []  # parts of console messages that are expected
        self.driver.get(self.base)

    def find(self, selector: str):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """As it is in the document, whatever is scrolled out of sight."""
        return self.driver.execute_script("return document.querySelector(arguments[0]).textContent", selector)

    def rows(self, table: str) -> list[list[str]]:
        return self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0] + ' tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))",
            table,
        )

    def type(self, selector: str, text: str) -> None:
        field = self.find(selector)
        field.clear()
        field.send_keys(text)

    def click(self, selector: str) -> None:
        element = self.find(selector)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def wait(self, what: str, probe: Callable[[], object]) -> None:
        wait_until(what, probe)

    def wait_text(self, selector: str, part: str) -> None:
        wait_until(f"{selector} says {part!r}", lambda: part in self.text(selector))

    def check(self) -> None:
        """Nothing in the console, and no request but to the daemon."""
        complaints = [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if not any(part in entry["message"] for part in self.tolerated)
        ]
        assert complaints == []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                assert url.startswith((self.base, "data:")), url


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    profile = tmp_path_factory.mktemp("profile")
    for argument in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", f"--user-data-dir={profile}"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    driver.set_window_size(1500, 1000)
    yield driver
    driver.quit()


@pytest.fixture
def open_page(driver: webdriver.Chrome) -> Iterator[Callable[[Daemon], Page]]:
    """Opens the page of a daemon; at the end of the test it must have been quiet."""
    pages: list[Page] = []

    def open(daemon: Daemon) -> Page:
        driver.get_log("browser"), driver.get_log("performance")  # what was before
        pages.append(Page(driver, daemon))
        return pages[-1]

    yield open
    for page in pages:
        page.check()
    driver.get("about:blank")


@pytest.fixture(scope="session")
def images() -> Path:
    return ROOT / "docs/images"
