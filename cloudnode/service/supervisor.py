"""What a node tells the supervisor that started it: systemd's notification protocol, sd_notify(3).

One datagram of ``NAME=value`` lines to the Unix socket named by ``NOTIFY_SOCKET``; nothing if there is none.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping

from twisted.logger import Logger


class Supervisor:
    """The process that started this node, as far as it wants to be told anything.

    :ivar watchdog_seconds: How often it expects :meth:`alive` at the least, or None (``WATCHDOG_USEC``).
    """

    _log = Logger()

    def __init__(self, environ: Mapping[str, str], pid: int) -> None:
        """:param pid: This process's id: the watchdog's time may be meant for another one."""
        self._address = environ.get("NOTIFY_SOCKET", "")
        self.watchdog_seconds: float | None = None
        microseconds = environ.get("WATCHDOG_USEC", "")
        if self._address and microseconds.isdigit() and environ.get("WATCHDOG_PID", str(pid)) == str(pid):
            self.watchdog_seconds = int(microseconds) / 1e6 or None

    def serving(self, status: str) -> None:
        """The node serves; ``status`` is one line for people."""
        self._tell("READY=1", f"STATUS={status}")

    def status(self, status: str) -> None:
        """One line for people about what the node does now."""
        self._tell(f"STATUS={status}")

    def alive(self) -> None:
        """The node still goes round."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """The node has begun to stop."""
        self._tell("STOPPING=1", "STATUS=Stopping")

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        # "@name" is Linux's abstract namespace, which the system call writes as a leading zero byte.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        message = "\n".join(line.replace("\n", " ") for line in lines).encode()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto(message, address)
        except OSError as error:
            # A supervisor that does not listen is no reason to stop serving.
            self._log.warn("cannot notify {address}: {reason}", address=self._address, reason=error.strerror)
