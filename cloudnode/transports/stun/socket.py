"""STUN on a UDP socket: answers requests, and asks, whatever else the socket carries."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from cloudnode.stun.answering import BindingServer
from cloudnode.stun.attributes import Address
from cloudnode.stun.errors import StunError
from cloudnode.stun.message import BINDING, Attribute, Kind, decode
from cloudnode.stun.transaction import Answer, Done, Sent, Timing, Transactions

_RESPONSE = 0x01
"""The bit of a message's first byte that responses have, and neither requests nor indications."""


class Questions:
    """The requests that wait on one socket or connection, with their Deferreds and the one timer; and indications that
    are waited for there.

    :param send: Sends a request. An OSError from it says that nothing can be sent just now: the request is lost, as any
        on its way may be, and is sent again when that is due.
    :param monotonic: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        clock: IReactorTime,
        send: Callable[[bytes, Address], object],
        *,
        reliable: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._clock = clock
        self._send = send
        self._monotonic = monotonic
        self._transactions = Transactions(random, reliable=reliable)
        self._asked: dict[bytes, Deferred[Answer]] = {}
        self._expected: dict[bytes, Deferred[Address]] = {}
        self._timer: IDelayedCall | None = None

    def __len__(self) -> int:
        return len(self._asked)

    def ask(
        self,
        server: Address,
        *,
        username: str | None = None,
        key: bytes | None = None,
        attributes: tuple[Attribute, ...] = (),
        timing: Timing | None = None,
        any_source: bool = False,
    ) -> Deferred[Answer]:
        """Send a Binding request; the parameters are those of :meth:`Transactions.begin`.

        :returns: Fires with the answer, or fails with :class:`StunError`. Cancelling it forgets the request.
        """
        transaction, sent = self._transactions.begin(
            server, self._monotonic(), username=username, key=key, attributes=attributes, timing=timing,
            any_source=any_source,
        )  # fmt: skip
        asked: Deferred[Answer] = Deferred(lambda _: self._cancel(transaction))
        self._asked[transaction] = asked
        self._transmit(sent)
        self._arm()
        return asked

    def expect(self, transaction: bytes) -> Deferred[Address]:
        """Wait for a Binding indication.

        :returns: Fires with where it came from, once one with this id has come. Cancelling it forgets it, and so does
            :meth:`stop`.
        """

        def forget(_: object) -> None:
            self._expected.pop(transaction, None)

        arrived: Deferred[Address] = Deferred(forget)
        self._expected[transaction] = arrived
        return arrived

    def receive(self, data: bytes, source: Address) -> None:
        """Take a response, or an indication; what answers nothing that was asked here, or is not waited for, is passed
        over."""
        if not data or not data[0] & _RESPONSE:
            self._take_indication(data, source)
            return
        try:
            done = self._transactions.receive(data, source, self._monotonic())
        except (StunError, ValueError):
            return
        if done is not None:
            self._finish(done)
            self._arm()

    def stop(self, error: StunError | None = None) -> None:
        """Fail what waits."""
        self._expected.clear()
        for done in self._transactions.fail(error or StunError("disconnected")):
            self._finish(done)
        self._arm()

    def _take_indication(self, data: bytes, source: Address) -> None:
        try:
            message = decode(data)
        except StunError:
            return
        if message.kind is Kind.INDICATION and message.method == BINDING:
            arrived = self._expected.pop(message.transaction, None)
            if arrived is not None:
                arrived.callback(source)

    def _cancel(self, transaction: bytes) -> None:
        self._transactions.cancel(transaction)
        asked = self._asked.pop(transaction, None)
        self._arm()
        if asked is not None:
            asked.errback(CancelledError())

    def _finish(self, done: Done) -> None:
        asked = self._asked.pop(done.transaction)
        if isinstance(done.outcome, StunError):
            asked.errback(done.outcome)
        else:
            asked.callback(done.outcome)

    def _transmit(self, sent: Sent) -> None:
        # An error that came out of here would leave a question with nobody who waits for it.
        with contextlib.suppress(OSError):
            self._send(sent.data, sent.server)

    def _arm(self) -> None:
        """Have the one timer come when the first request is due."""
        deadline = self._transactions.deadline()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = self._clock.callLater(max(0.0, deadline - self._monotonic()), self._timer_came)

    def _timer_came(self) -> None:
        self._timer = None
        again, failed = self._transactions.handle_timer(self._monotonic())
        for sent in again:
            self._transmit(sent)
        for done in failed:
            self._finish(done)
        self._arm()


class SharedSocket(Protocol):
    """A UDP socket that hands STUN on: a :class:`~cloudnode.transports.quic.listener.QuicSocket`."""

    @property
    def demultiplexer(self) -> Any:
        """Has the handler of STUN datagrams, ``stun``."""

    def write(self, datagram: bytes, addr: Address) -> None:
        """Send a datagram; one that can't be sent is lost."""


class StunSocket:
    """STUN on a UDP socket that carries other things too.

    :param socket: Hands STUN on, from now on to this. :param server: Answers requests; None: they are passed over.
    :ivar questions: What is asked from the socket.
    """

    def __init__(
        self,
        clock: IReactorTime,
        socket: SharedSocket,
        server: BindingServer | None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._socket = socket
        self._server = server
        self._monotonic = monotonic
        self.questions = Questions(clock, socket.write, monotonic=monotonic, random=random)
        socket.demultiplexer.stun = self.datagram_received

    def datagram_received(self, data: bytes, source: Address) -> None:
        """Take one datagram."""
        if data[0] & _RESPONSE:
            self.questions.receive(data, source)
        elif self._server is not None:
            reply = self._server.answer(data, source, self._monotonic(), via=self._socket)
            if reply is not None:
                self._socket.write(reply.data, reply.to)

    def stop(self) -> None:
        """Neither answer nor ask any more; what was asked fails."""
        self._socket.demultiplexer.stun = None
        self.questions.stop()
