"""A backend: posts messages for devices, asks for sessions, on one HTTP connection."""

import base64
import http.client
import json
from typing import Any
from urllib.parse import quote

from support.daemon import Daemon, Response
from support.waiting import PATIENCE

PREFIX = "/apis/v1/mqttproxy"


class Backend:
    def __init__(self, daemon: Daemon, proxy: str = "mqttproxy", token: str | None = None) -> None:
        self._connection = http.client.HTTPConnection(*daemon.api, timeout=PATIENCE)
        self._proxy = proxy
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __enter__(self) -> "Backend":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def request(self, method: str, path: str, body: object = None) -> Response:
        """`path` below the proxy's; `body` becomes JSON."""
        data = None if body is None else json.dumps(body)
        self._connection.request(method, f"{PREFIX}/{quote(self._proxy)}/{path}", data, self._headers)
        response = self._connection.getresponse()
        return Response(response.status, dict(response.getheaders()), response.read().decode())

    def post(self, body: object) -> Response:
        return self.request("POST", "topics/publish", body)

    def publish(self, topic: str, payload: str | bytes, qos: int = 0) -> None:
        """One message, and it must be taken."""
        response = self.post(message(topic, payload, qos))
        assert (response.status, response.body) == (200, ""), response

    def sessions(self, query: str = "") -> list[dict[str, Any]]:
        response = self.request("GET", "session/query" + query)
        assert response.status == 200, response
        return response.json()["sessions"] or []

    def session(self, client_id: str) -> Response:
        return self.request("GET", "sessions/" + quote(client_id, safe=""))

    def delete(self, *client_ids: str) -> Response:
        return self.request("DELETE", "sessions", {"sessions": [{"sessionID": i} for i in client_ids]})


def message(topic: str, payload: str | bytes, qos: int = 0) -> dict[str, Any]:
    if isinstance(payload, str):
        return {"topic": topic, "qos": qos, "payload": payload}
    return {"topic": topic, "qos": qos, "payload": base64.b64encode(payload).decode(), "base64": True}
