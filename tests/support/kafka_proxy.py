"""A TCP relay in front of a broker that spoils the answer to one Produce request, as no broker does on demand."""

import socket
import struct
import threading
from contextlib import suppress

PRODUCE = 0
OUT_OF_ORDER_SEQUENCE_NUMBER = 45


class KafkaProxy:
    """Relays to `backend` whatever comes to its own `port`. The broker has to advertise that port."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self._backend = 0
        self._spoil = threading.Event()  # the next answer to a Produce request

    def start(self, backend: int) -> None:
        self._backend = backend
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def spoil_next_produce(self) -> None:
        """Whatever the broker says: a sequence number it does not accept, which a producer cannot go on from."""
        self._spoil.set()

    @property
    def spoilt(self) -> bool:
        return not self._spoil.is_set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                broker = socket.create_connection(("127.0.0.1", self._backend))
                produces: set[int] = set()  # correlation ids
                for source, target, from_client in ((client, broker, True), (broker, client, False)):
                    arguments = (source, target, produces, from_client)
                    threading.Thread(target=self._relay, args=arguments, daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket, produces: set[int], from_client: bool) -> None:
        with suppress(OSError), source.makefile("rb") as stream:
            while len(size := stream.read(4)) == 4:
                frame = bytearray(stream.read(struct.unpack(">i", size)[0]))
                if from_client:
                    api_key, _version, correlation_id = struct.unpack_from(">hhi", frame)
                    if api_key == PRODUCE:
                        produces.add(correlation_id)
                elif struct.unpack_from(">i", frame)[0] in produces and self._spoil.is_set():
                    self._spoil.clear()
                    _set_first_error(frame)
                target.sendall(size + frame)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _set_first_error(response: bytearray) -> None:
    """ProduceResponse version 7: correlation id, [topic, [partition, error code, …]], …"""
    topics, name_length = struct.unpack_from(">ih", response, 4)
    assert topics == 1
    partition = 4 + 4 + 2 + name_length + 4
    struct.pack_into(">h", response, partition + 4, OUT_OF_ORDER_SEQUENCE_NUMBER)
