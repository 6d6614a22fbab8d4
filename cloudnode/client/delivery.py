"""What all carriers that keep a connection do alike: hold what comes before anybody takes it."""

from __future__ import annotations

from cloudnode.client.carrier import Receiver
from cloudnode.client.errors import ConnectionFailed


class Delivery:
    """Messages and the loss of a connection, on their way to a receiver that may not have started yet."""

    def __init__(self) -> None:
        self._receiver: Receiver | None = None
        self._early: list[bytes] = []
        self._loss: ConnectionFailed | None = None
        self._is_over = False

    def start(self, receiver: Receiver) -> None:
        """Deliver from now on, beginning with what came meanwhile."""
        self._receiver = receiver
        early, self._early = self._early, []
        for message in early:
            receiver.message_received(message)
        if self._loss is not None:
            receiver.connection_lost(self._loss)

    def deliver(self, message: bytes) -> None:
        """A message came."""
        if self._receiver is None:
            self._early.append(message)
        elif not self._is_over:
            self._receiver.message_received(message)

    def lose(self, error: ConnectionFailed) -> None:
        """The connection is gone; only the first time counts."""
        if self._is_over:
            return
        self._is_over = True
        self._loss = error
        if self._receiver is not None:
            self._receiver.connection_lost(error)
