"""The foreign client: paho-mqtt, which records by itself which message ids the server has acknowledged."""

import threading

import paho.mqtt.client as paho

from support.delivery import payload
from support.waiting import wait_until


class PahoDevice:
    """A QoS 1 publisher on paho-mqtt's own thread. It reconnects and resends by paho's rules."""

    def __init__(self, address: tuple[str, int], client_id: str, topic: str) -> None:
        self.client_id = client_id
        self.published = 0
        self._topic = topic
        self._acked_ids: set[int] = set()
        self._sequences: dict[int, int] = {}  # packet id → sequence; fewer than 65,535 are published
        self._lock = threading.Lock()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
        self._client.on_publish = self._on_publish
        self._client.reconnect_delay_set(1, 1)
        self._client.max_queued_messages_set(0)
        self._client.connect(*address, keepalive=60)
        self._client.loop_start()
        wait_until(f"{client_id} is connected", self._client.is_connected)

    def _on_publish(self, _client, _userdata, packet_id, _reason_code, _properties) -> None:
        with self._lock:
            self._acked_ids.add(packet_id)

    def publish(self, count: int) -> None:
        """Hands `count` more messages to paho, which keeps 20 of them in flight."""
        for _ in range(count):
            info = self._client.publish(self._topic, payload(self.client_id, self.published), qos=1)
            self._sequences[info.mid] = self.published
            self.published += 1

    def acked(self) -> list[int]:
        with self._lock:
            acked_ids = set(self._acked_ids)
        return sorted(self._sequences[packet_id] for packet_id in acked_ids)

    def wait_all_acked(self) -> None:
        wait_until(f"{self.client_id} has every PUBACK", lambda: len(self.acked()) == self.published)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
