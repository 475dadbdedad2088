"""The pictures in docs/images: a daemon with some traffic, seen by the browser. Only with --screenshots."""

import base64
import threading
from contextlib import ExitStack
from math import sin
from pathlib import Path

import pytest

from support import config, mqtt
from support.mqtt import connected
from support.waiting import wait_until

SECONDS = 100
KINDS = ["iphone", "pixel", "xiaomi", "tv"]


class Traffic(threading.Thread):
    """Devices that publish, more at times and less at others, and a backend that answers some of them."""

    def __init__(self, daemon) -> None:
        super().__init__()
        self.daemon_under_test = daemon
        self.ended = threading.Event()

    def run(self) -> None:
        daemon = self.daemon_under_test
        with ExitStack() as stack:
            clients = []
            for number in range(14):
                name = f"phone-{number:03}"
                client = stack.enter_context(
                    connected(daemon.address(), name, username=f"{KINDS[number % 4]}-fleet", keep_alive=60, clean=number % 3 == 0)
                )
                clients.append(client.subscribe((f"device/{name}/command", 1), ("news/#", 0)))
            turn = 0
            while not self.ended.wait(0.05):
                turn += 1
                for number, client in enumerate(clients):
                    if (turn * 7 + number * 5) % 24 > 12 + 9 * sin(turn / 150):
                        continue
                    topic = f"gateway/gate{number % 3}/{KINDS[number % 4]}/log"
                    client.send(mqtt.publish(topic, b"x" * (100 + 7 * number), qos=1, packet_id=turn % 60_000 + 1))
                    while client.receive_packet()[0] >> 4 != 4:
                        pass
                if turn % 6 == 0:
                    message = {"topic": f"device/phone-{turn % 14:03}/command", "qos": 0, "payload": "report"}
                    daemon.http("/apis/v1/mqttproxy/mqttproxy/topics/publish", "POST", body=message)
                if turn % 200 == 0:
                    with mqtt.Client(daemon.address()) as stranger:
                        stranger.send(mqtt.connect(f"old-{turn}", level=5))
                        stranger.expect_end()
                if turn % 330 == 0:
                    with connected(daemon.address(), "sensor-7") as odd:
                        odd.send(b"\xf0\x00")
                        odd.expect_closed()


@pytest.fixture
def busy(request: pytest.FixtureRequest, start_daemon):
    if not request.config.getoption("--screenshots"):
        pytest.skip("only with --screenshots")
    mapper = config.PUBLISHED_MAPPER | {"onNoMatch": "default"}
    kafka = config.kafka_filter(topic="mqtt_unmapped", mqtt=config.MAPPED, key="%c", headers=["clientID", "mqttTopic"])
    daemon = start_daemon(
        config.render(config.node() | {"name": "mqttproxy-1"}, config.proxy(), config.pipeline("publish", mapper, kafka))
    )
    traffic = Traffic(daemon)
    traffic.start()
    yield daemon
    traffic.ended.set()
    traffic.join()


def test_screenshots(busy, open_page, images: Path, driver, tmp_path: Path) -> None:
    images.mkdir(exist_ok=True)
    page = open_page(busy)
    wait_until("there is some history", lambda: len(page.find(".tile polyline").get_attribute("points").split()) > SECONDS / 2)
    page.type("#explain-topic", "gateway/gate123/x/iphone")
    page.type("#explain-client", "phone1")
    page.click("#explain-form button")
    page.wait_text("#explanation", "iot_phone")
    page.click("#connection-table .link")
    page.wait_text("#session-detail", "phone-000")
    page.type("#publish-topic", "device/phone-007/command")
    page.type("#publish-payload", '{"command": "report"}')
    for scheme in ["light", "dark"]:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        for name, width in [("wide", 1400), ("narrow", 420)]:
            view = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", view)
            split = driver.execute_script("scrollTo(0, 0); return document.getElementById('sessions').offsetTop")
            height = driver.execute_script("return document.documentElement.scrollHeight")
            for part, (top, bottom) in {"": (0, split), "-below": (split, height)}.items():
                clip = {"x": 0, "y": top, "width": width, "height": bottom - top, "scale": 1}
                picture = driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
                kept = (scheme, name) == ("light", "wide")
                file = images / f"status-page{part}.png" if kept else tmp_path / f"{scheme}-{name}{part}.png"
                file.write_bytes(base64.b64decode(picture["data"]))
                assert not kept or file.stat().st_size < 300_000
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
