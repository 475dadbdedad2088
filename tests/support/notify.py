"""The other end of sd_notify(3): what systemd would hear from a service."""

import socket

from support.waiting import PATIENCE


class NotifySocket:
    """A datagram socket in the abstract namespace; `environment` makes a process talk to it."""

    def __init__(self, watchdog_seconds: float = 0) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("")  # the system chooses the name, which begins with a zero byte
        self.environment = {"NOTIFY_SOCKET": "@" + self._socket.getsockname()[1:].decode()}
        if watchdog_seconds:
            self.environment["WATCHDOG_USEC"] = str(int(watchdog_seconds * 1_000_000))

    def next(self) -> dict[str, str]:
        """The next message, waited for."""
        self._socket.settimeout(PATIENCE)
        return self._parse(self._socket.recv(4096))

    def wait_for(self, key: str) -> dict[str, str]:
        """The next message that says `key`; those before it are gone."""
        while key not in (message := self.next()):
            pass
        return message

    def arrived(self) -> list[dict[str, str]]:
        """What has come and not been asked for yet."""
        self._socket.settimeout(0)
        messages = []
        try:
            while True:
                messages.append(self._parse(self._socket.recv(4096)))
        except BlockingIOError:
            return messages

    def close(self) -> None:
        self._socket.close()

    @staticmethod
    def _parse(message: bytes) -> dict[str, str]:
        return dict(line.split("=", 1) for line in message.decode().splitlines())
