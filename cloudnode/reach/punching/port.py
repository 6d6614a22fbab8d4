"""The probes of all attempts that go over one UDP socket, beside the QUIC and STUN that it serves anyway."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from cloudnode.reach.punching.probing import Probing
from cloudnode.reach.punching.values import Endpoint, public_name
from cloudnode.stun.answering import BindingServer, StunCounters
from cloudnode.stun.attributes import USERNAME, mapped_address
from cloudnode.stun.credentials import Credential, CredentialTable, Observation
from cloudnode.stun.errors import StunError
from cloudnode.stun.integrity import check_integrity
from cloudnode.stun.limiting import RateLimiter, RateLimits
from cloudnode.stun.message import BINDING, TRANSACTION_BYTES, Kind, Message, decode
from cloudnode.stun.transaction import make_request
from cloudnode.transports.quic.listener import QuicSocket

ASKED = (0.0, 0.002, 0.005)
"""When a coordinator is asked, in seconds: it refuses credentials of which it has not heard yet, which come by another
connection at the same time and may be overtaken."""

ASKED_AGAIN = (0.012, 0.03, 0.07, 0.15, 0.35, 0.75, 1.5)
"""When it is asked again, in seconds from when its answer was due: the request, or the answer, was lost. That is faster
than RFC 8489 has it for a server that just does not answer."""

TRANSACTIONS_MAX = 256


class PunchPort:
    """Sends and takes probes on a QUIC socket.

    What is none of its business goes on to whoever took the socket's STUN before.
    """

    def __init__(self, clock: IReactorTime, socket: QuicSocket) -> None:
        self.socket = socket
        self._clock = clock
        self._credentials = CredentialTable()
        # The keys are random and live for seconds: whoever has one may ask as often as an attempt's many sockets do.
        limiter = RateLimiter(RateLimits(requests_second=200.0, requests_burst=2_000, places=256))
        self._server = BindingServer(self._credentials, limiter, StunCounters())
        self._asked: dict[bytes, tuple[bytes, Callable[[Message, Endpoint], None]]] = {}
        self._before = socket.demultiplexer.stun
        socket.demultiplexer.stun = self._received

    def close(self) -> None:
        """Take no more: all runs are stopped."""
        if self.socket.demultiplexer.stun == self._received:
            self.socket.demultiplexer.stun = self._before

    def expect(self, username: str, key: bytes, heard: Callable[[Endpoint], None]) -> Callable[[], None]:
        """Answer probes with a username.

        :param heard: Is called with the endpoint of each whose integrity is right.
        :returns: What ends it.
        """

        def observed(observation: Observation) -> None:
            heard((public_name(observation.address[0]), observation.address[1]))

        return self._credentials.grant(username, Credential(key, observed))

    def ask(
        self,
        to: Endpoint,
        username: str,
        key: bytes,
        answered: Callable[[Message, Endpoint], None],
        hops: int | None = None,
    ) -> None:
        """Send a Binding request.

        :param answered: Is called with the answer, error or not, and where it came from.
        :param hops: After how many routers it ends; None for the system's default.
        """
        transaction = os.urandom(TRANSACTION_BYTES)
        if len(self._asked) >= TRANSACTIONS_MAX:
            del self._asked[next(iter(self._asked))]
        self._asked[transaction] = (key, answered)
        self.socket.write(make_request(transaction, username=username, key=key), to, hops)

    def forget(self, answered: Callable[[Message, Endpoint], None]) -> None:
        """Take no more answers for this receiver."""
        self._asked = {each: (key, to) for each, (key, to) in self._asked.items() if to != answered}

    def _received(self, datagram: bytes, source: Endpoint) -> None:
        if self.socket.is_turn_due:
            # What came just before may be the handshake for which all the probes are: it is answered first.
            self._clock.callLater(0.0, self.socket.demultiplexer.guarded, self._received_now, datagram, source)
        else:
            self._received_now(datagram, source)

    def _received_now(self, datagram: bytes, source: Endpoint) -> None:
        if not self._take(datagram, source) and self._before is not None:
            self._before(datagram, source)

    def _take(self, datagram: bytes, source: Endpoint) -> bool:
        if not self._asked and not len(self._credentials):
            return False
        try:
            message = decode(datagram)
        except StunError:
            return False
        if message.kind is Kind.REQUEST:
            username = message.find(USERNAME)
            if username is None or self._credentials.find(username.decode("latin-1")) is None:
                return False
            reply = self._server.answer(datagram, source, self._clock.seconds(), via=self)
            if reply is not None:
                self.socket.write(reply.data, source)
            return True
        if message.method != BINDING or message.transaction not in self._asked:
            return False
        key, answered = self._asked[message.transaction]
        if message.kind is Kind.SUCCESS and not check_integrity(message, key):
            return True
        del self._asked[message.transaction]
        answered(message, (public_name(source[0]), source[1]))
        return True


ANSWER_SECONDS = 0.5
"""An answer that takes longer is late, however long the last one took."""

SECOND_LATER = 0.008
"""When the coordinator's second port is asked, in seconds. Only what the NAT does depends on that answer, so neither
side should be busy with it while it makes the pair."""


class Observing:
    """Asks the coordinator's STUN server, at one or two of its ports, until it answers.

    It begins in the reactor's turn after the next: by then what was written before is on its way, which is the request
    with the credentials.

    :ivar mapped: By the server's endpoint, where it saw this socket.
    """

    def __init__(
        self,
        clock: IReactorTime,
        port: PunchPort,
        servers: Sequence[Endpoint],
        username: str,
        key: bytes,
        round_trip: float,
    ) -> None:
        """:param round_trip: Seconds to the coordinator and back; 0 if that is not known."""
        self.mapped: dict[Endpoint, Endpoint] = {}
        self.sent = 0
        self._port = port
        self._servers = list(dict.fromkeys(servers))
        self._username, self._key = username, key
        self._clock = clock
        self._again = [min(round_trip, ANSWER_SECONDS) + at for at in ASKED_AGAIN]
        self._calls = [clock.callLater(0.0, self._begin)]

    def stop(self) -> None:
        """Ask no more."""
        for call in self._calls:
            if call.active():
                call.cancel()
        self._port.forget(self._answered)

    def _begin(self) -> None:
        self._calls = [
            self._clock.callLater(at, self._ask, server)
            for number, server in enumerate(self._servers)
            for at in ((*ASKED, *self._again) if number == 0 else (SECOND_LATER, *self._again))
        ]

    def _ask(self, server: Endpoint) -> None:
        if server not in self.mapped:
            self._port.ask(server, self._username, self._key, self._answered)
            self.sent += 1

    def _answered(self, message: Message, source: Endpoint) -> None:
        if message.kind is not Kind.SUCCESS:
            return
        try:
            mapped = mapped_address(message)
        except StunError:
            return
        if mapped is not None:
            self.mapped[source] = mapped


@attrs.frozen
class ProbeEvents:
    """Who is told how an attempt goes; each is given the endpoint.

    :ivar heard: The first probe of the other side came from there. :ivar answered: The first answer did.
    """

    heard: Callable[[Endpoint], None]
    answered: Callable[[Endpoint], None]


class ProbeRun:
    """The probes of one attempt on one socket, until they are stopped."""

    def __init__(
        self, clock: IReactorTime, port: PunchPort, probing: Probing, username: str, key: bytes, events: ProbeEvents
    ) -> None:
        self.probing = probing
        self._clock = clock
        self._port = port
        self._username, self._key = username, key
        self._events = events
        self._timer: IDelayedCall | None = None
        self._is_stopped = False
        self._end_expecting = port.expect(username, key, self._heard)
        self._go_on()

    def stop(self, *, deaf: bool = True) -> None:
        """Send no more probes.

        :param deaf: Answer none either.
        """
        self._is_stopped = True
        self.probing.stop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deaf:
            self._end_expecting()
            self._port.forget(self.take_answer)

    def _heard(self, endpoint: Endpoint) -> None:
        if self.probing.heard(endpoint, self._clock.seconds()):
            self._events.heard(endpoint)
        self._go_on()

    def take_answer(self, message: Message, source: Endpoint) -> None:
        """An answer to a probe came from an endpoint."""
        if message.kind is Kind.SUCCESS and self.probing.answered(source):
            self._events.answered(source)
            self._go_on()

    def _go_on(self) -> None:
        if self._is_stopped:
            return
        now = self._clock.seconds()
        for probe in self.probing.take_due(now):
            self._port.ask(probe.to, self._username, self._key, self.take_answer, probe.ttl)
        deadline = self.probing.deadline()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = self._clock.callLater(max(0.0, deadline - now), self._timer_came)

    def _timer_came(self) -> None:
        self._timer = None
        self._go_on()
