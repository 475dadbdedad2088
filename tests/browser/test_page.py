"""The status page, as somebody sees it who keeps it open."""

from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from support import config, mqtt
from support.mqtt import connected
from support.waiting import wait_until

HOSTILE = '<img src=x onerror="document.title=`owned`"><script>document.title="owned"</script>'


def test_the_page_shows_the_daemon(daemon, open_page) -> None:
    page = open_page(daemon)
    page.wait_text("#ready", "ready")
    page.wait_text("#node", "test")
    page.wait_text("#about", "version ")
    page.wait("the producer is there", lambda: page.rows("#producers")[:1] and page.rows("#producers")[0][:2] == ["kafka", "answers"])
    page.wait("the rule is there", lambda: page.rows("#rule-table") == [["Publish", "publish", "kafka (Kafka)"]])
    page.wait_text("#connection-table", "nobody")
    page.wait_text("#kinds", "embedded kafka")
    assert page.driver.title == "test – mqttproxy"


def test_rates_move_when_a_device_publishes(daemon, open_page) -> None:
    page = open_page(daemon)

    def tile(number: int, which: str) -> str:
        return page.text(f".tile:nth-child({number}) {which}")

    page.wait("nothing is published", lambda: tile(1, "strong") == "0/s")
    with connected(daemon.address(), "busy") as client:

        def publish_and_look() -> bool:
            client.send(mqtt.publish("t", b"x" * 1000, qos=1, packet_id=1))
            client.expect(mqtt.puback(1))
            return tile(1, "strong") != "0/s" and tile(1, ".second") not in ("0/s", "…")

        page.wait("messages are seen, and stored", publish_and_look)
        page.wait("bytes are seen", lambda: publish_and_look() and tile(3, "strong") != "0 B/s")
        page.wait("the connection is counted", lambda: tile(4, "strong") == "1")
        page.wait("the chart has a line", lambda: len(page.find(".tile polyline.first").get_attribute("points").split()) >= 2)
        page.wait("stored records are counted", lambda: page.rows("#producers")[0][3] not in ("", "0"))


def test_connections_are_listed_searched_and_sorted(daemon, open_page) -> None:
    page = open_page(daemon)
    with ExitStack() as stack:
        for number in range(12):
            stack.enter_context(connected(daemon.address(), f"phone{number:02}", username="hugo", keep_alive=60))
        page.wait("all are there", lambda: len(page.rows("#connection-table")) == 12)
        row = page.rows("#connection-table")[3]
        assert row[:2] == ["phone03", "hugo"] and row[2].startswith("127.0.0.1:") and row[5] == "60 s"
        page.click("#connection-table th button")
        page.click("#connection-table th button")
        assert [row[0] for row in page.rows("#connection-table")] == [f"phone{number:02}" for number in reversed(range(12))]
        page.type("#connection-q", "phone1")
        page.wait("two are left", lambda: [row[0] for row in page.rows("#connection-table")] == ["phone11", "phone10"])
        page.wait_text("#connection-count", "2 on this node")


def test_a_session_with_its_subscriptions(daemon, open_page) -> None:
    page = open_page(daemon)
    with connected(daemon.address(), "reader", username="hugo") as client:
        client.subscribe(("room/+/light", 1), ("news/#", 0))
        page.wait("it is listed", lambda: ["reader"] in [row[:1] for row in page.rows("#connection-table")])
        page.click("#connection-table .link")
        page.wait_text("#session-detail", "connected to test")
        assert page.rows("#session-detail table") == [["news/#", "0"], ["room/+/light", "1"]]
        page.type("#session-q", "room/")
        page.click("#session-search button")
        page.wait("it is found", lambda: page.rows("#session-table") == [["reader", "room/+/light", "yes", "test"]])
        page.type("#session-id", "nobody")
        page.click("#session-form button")
        page.wait_text("#session-detail", "no session has this client id")
        page.tolerated.append("404")


def test_explain(start_daemon, open_page) -> None:
    kafka = config.kafka_filter(topic="rest", mqtt=config.MAPPED)
    page = open_page(
        start_daemon(config.render(config.node(), config.proxy(), config.pipeline("publish", config.PUBLISHED_MAPPER, kafka)))
    )
    page.wait_text("#rule-table", "topic-mapper (TopicMapper) ▸ kafka (Kafka)")
    page.type("#explain-topic", "gateway/gate123/x/iphone")
    page.type("#explain-client", "phone1")
    page.click("#explain-form button")
    page.wait_text("#explanation", "acknowledged when Kafka has stored it")
    for part in ["route gate* to policy gateway", "iot_phone", "phone1", "gatewayID", "gate123"]:
        assert part in page.text("#explanation")
    page.type("#explain-topic", "a/#")
    page.click("#explain-form button")
    page.wait_text("#explanation", "is no topic name")
    page.tolerated.append("400")


def test_the_form_publishes_to_a_subscriber(daemon, open_page) -> None:
    page = open_page(daemon)
    page.wait_text("#node", "test")
    with connected(daemon.address(), "reader").subscribe(("device/+/command", 1)) as client:
        page.type("#publish-topic", "device/7/command")
        page.type("#publish-payload", "grüße <b>")
        page.click("#publish-form button")
        client.expect_message("device/7/command", "grüße <b>".encode(), 1)
        page.wait_text("#published", "accepted at")
        page.click("#publish-base64")
        page.click("#publish-form button")
        page.wait_text("#published", "base64")
        page.tolerated.append("400")


def test_errors_are_shown_by_kind(daemon, open_page) -> None:
    page = open_page(daemon)
    page.wait_text("#node", "test")
    with connected(daemon.address(), "bad") as client:
        client.send(b"\xf0\x00")
        client.expect_closed()
    page.wait_text("#counters", "protocol error: ")
    page.wait_text("#kinds", "protocol_error")
    assert 'client_id="bad"' in page.text("#kinds")


def test_a_hostile_client_id_is_text(daemon, open_page) -> None:
    page = open_page(daemon)
    with connected(daemon.address(), HOSTILE, username=HOSTILE) as client:
        client.subscribe((HOSTILE, 0))
        page.wait("it is listed", lambda: HOSTILE in [row[0] for row in page.rows("#connection-table")])
        page.click("#connection-table .link")
        page.wait_text("#session-detail", HOSTILE)
        page.click("#session-search button")
        page.wait("it is listed", lambda: HOSTILE in [row[0] for row in page.rows("#session-table")])
        client.send(b"\xf0\x00")
        client.expect_closed()
    page.wait_text("#kinds", "onerror")
    assert page.driver.title == "test – mqttproxy"
    assert page.driver.execute_script("return document.querySelectorAll('main img, main script').length") == 0


def test_the_token_is_asked_for_and_kept(start_daemon, open_page) -> None:
    page = open_page(start_daemon(config.simple(api={"address": "127.0.0.1:0", "token": "sesame"})))
    page.tolerated.append("401")
    page.wait("it asks", lambda: page.find("#ask").get_property("open"))
    assert page.text("#node") == ""
    page.type("#token", "wrong")
    page.click("#ask button")
    page.wait("it asks again", lambda: page.find("#ask").get_property("open") and page.find("#token-wrong").is_displayed())
    page.type("#token", "sesame")
    page.click("#ask button")
    page.wait_text("#node", "test")
    page.driver.refresh()
    page.wait_text("#node", "test")
    assert not page.find("#ask").get_property("open")
    page.click("#forget")
    page.wait("it asks", lambda: page.find("#ask").get_property("open"))
    assert "sesame" not in page.driver.page_source


def test_a_daemon_that_is_gone_is_noticed(start_daemon, open_page) -> None:
    daemon = start_daemon(config.simple())
    page = open_page(daemon)
    page.tolerated.append("ERR_CONNECTION_REFUSED")
    page.wait_text("#node", "test")
    daemon.stop()
    page.wait("it says so", lambda: page.find("#trouble").is_displayed())


class OtherPage(BaseHTTPRequestHandler):
    """A page of somebody else on the same machine, that is: of another port."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>other</title>")

    def log_message(self, *_: object) -> None:
        pass


def test_another_page_can_neither_ask_nor_frame_it(daemon, open_page, driver) -> None:
    page = open_page(daemon)
    page.wait_text("#node", "test")
    page.check()
    with HTTPServer(("127.0.0.1", 0), OtherPage) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        driver.get(f"http://127.0.0.1:{server.server_port}/")
        answer = driver.execute_async_script(
            """const [base, done] = arguments;
            fetch(base + 'apis/v1/mqttproxy/mqttproxy/topics/publish', {method: 'POST', body: '{"topic": "t"}', mode: 'no-cors'})
              .then(() => fetch(base + 'metrics')).then(() => done('read'), () => done('not read'));""",
            page.base,
        )
        assert answer == "not read"
        assert daemon.metrics().total("mqttproxy_http_requests_total", route="publish", code="403") == 1
        driver.execute_script("document.body.append(Object.assign(document.createElement('iframe'), {src: arguments[0]}))", page.base)
        wait_until("the frame stays empty", lambda: any("frame-ancestors" in line["message"] for line in driver.get_log("browser")))
        server.shutdown()
    driver.get("about:blank")
    driver.get_log("browser"), driver.get_log("performance")  # another page's
