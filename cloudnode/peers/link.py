"""A link between two nodes: bytes and the time come in, bytes and events come out.

Theory of operation. A link lives on a channel of frames that is encrypted and bound (see
:mod:`cloudnode.peers.handshake`). Both sides send a hello at once, answer the other's hello with a proof, and are
*open* when the other's proof is true. Before that nothing else may be sent, and it has to be done in some seconds.

When a link is open, messages are queued by :meth:`Link.send` and :meth:`Link.ask`, and leave together in frames. An
answer must be to a question that waits and of its kind; a question without an answer in time ends the link. Whatever
comes unasked is paid for out of an allowance which fills up again with time: who sends more is flooding. After a
silence a ping is sent, which also measures the time to the other side and back.

Every fault ends the link, whatever it is, with an event that names it: whoever keeps the links decides on a ban.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container
from typing import Protocol

import attrs
from automat import TypeMachineBuilder

from cloudnode.formats.keys import SigningKey
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.handshake import agree_on_network, agree_on_version, check_hello, check_proof, make_proof
from cloudnode.peers.messages import (
    ANSWERS,
    COSTS,
    NO_NETWORK,
    Answer,
    AnyMessage,
    GetGenesis,
    Goodbye,
    Hello,
    Message,
    Ping,
    Pong,
    Proof,
    Question,
    decode_frame,
    encode_message,
    take_bundle,
)


@attrs.frozen
class LinkLimits:
    """What a link may take. Times in seconds.

    :ivar handshake: From the channel's begin to the open link. :ivar answer: A question waits so long.
    :ivar ping_interval: So long after the last ping there is another. :ivar silence: Nothing at all came for so long.
    :ivar doubt: The same where there is a reason to believe that the other side is no longer there.
    :ivar allowance: What a peer may send unasked at once, in the units of ``COSTS``. :ivar refill: More, a second.
    :ivar queue: Bytes that wait to be sent: beyond it the other side is too slow.
    :ivar room: Below so many bytes there is room for what can as well be left out.
    """

    handshake: float = 8.0
    answer: float = 30.0
    ping_interval: float = 20.0
    silence: float = 50.0
    doubt: float = 6.0
    allowance: float = 10_000.0
    refill: float = 2_000.0
    queue: int = 24 * 1024 * 1024
    room: int = 1024 * 1024


@attrs.frozen
class Opened:
    """The other side is who it says."""

    hello: Hello


@attrs.frozen
class Received:
    """A message came that is no answer."""

    message: AnyMessage


@attrs.frozen
class Answered:
    """A question was answered."""

    request: int
    answer: Answer


@attrs.frozen
class Closed:
    """The link is over. ``told`` says whether the other side named the fault in its goodbye."""

    fault: PeerFault
    told: bool = False


Event = Opened | Received | Answered | Closed


class Phase(Protocol):
    """How far a link is; each input is something that came or happened."""

    def hear_hello(self, hello: Hello) -> None:
        """A hello came."""

    def hear_proof(self, proof: Proof) -> None:
        """A proof came."""

    def hear(self, message: AnyMessage) -> None:
        """Another message came."""

    def open(self) -> None:
        """The other side's proof is true."""

    def greet(self) -> None:
        """The other side's hello is as it should be."""

    def close(self, closed: Closed) -> None:
        """The link is over."""


class Allowance:
    """A bucket that fills up again with time."""

    def __init__(self, most: float, refill: float, now: float) -> None:
        self._most = self._left = most
        self._refill = refill
        self._at = now

    def holds(self, cost: float, now: float) -> bool:
        """Whether there is so much in it."""
        return min(self._most, self._left + (now - self._at) * self._refill) >= cost

    def left(self, now: float) -> float:
        """How much is in it."""
        return max(0.0, min(self._most, self._left + (now - self._at) * self._refill))

    def take(self, cost: float, now: float) -> bool:
        """Take out so much; False if there is not so much in it."""
        self._left = min(self._most, self._left + (now - self._at) * self._refill) - cost
        self._at = now
        return self._left >= 0


class Link:
    """One side of a link. After each call of a method, look at :meth:`take_events` and :meth:`take_frames`.

    :ivar hello: What the other side said; None before. :ivar ping_seconds: The last round trip, or None.
    :ivar is_open: Whether the other side is authenticated and the link not over.
    """

    def __init__(
        self,
        key: SigningKey,
        ours: Hello,
        binding: bytes,
        *,
        dials: bool,
        now: float,
        expected: bytes | None = None,
        linked: Container[bytes] = (),
        limits: LinkLimits = LinkLimits(),
    ) -> None:
        """
        :param ours: This side's hello, with a nonce of its own. :param binding: The channel's, 32 bytes.
        :param dials: Whether this side dialled. :param expected: The key of the node that was dialled, if known.
        :param linked: Nodes that need no further link: if one of them is there, this side goes before it proves itself.
        :param now: Seconds, of any clock that never goes back.
        """
        self.hello: Hello | None = None
        self.ping_seconds: float | None = None
        self.is_open = False
        self.queued_bytes = 0
        self._key = key
        self._ours = ours
        self._binding = binding
        self._dials = dials
        self._expected = expected
        self._linked = linked
        self._limits = limits
        self._now = now
        self._events: list[Event] = []
        self._queue: deque[bytes] = deque()
        self._of_handshake = 0
        self._requests: dict[int, tuple[type[Answer], float]] = {}
        self._last_request = 0
        self._heard = now
        self._handshake_until = now + limits.handshake
        self._doubted: float | None = None
        self._pinged: tuple[int, float] | None = None
        self._ping_at = now
        self._ping_number = 0
        self._allowance = Allowance(limits.allowance, limits.refill, now)
        self._phase = _machine(self)
        self._put(ours)

    @property
    def network(self) -> bytes:
        """The network of the link, once the other side's hello is there."""
        assert self.hello is not None
        return agree_on_network(self._ours, self.hello)

    @property
    def version(self) -> int:
        """The version of the protocol that the link speaks, once the other side's hello is there."""
        assert self.hello is not None
        return agree_on_version(self._ours, self.hello)

    @property
    def has_room(self) -> bool:
        """Whether what can be left out may be sent."""
        return self.queued_bytes < self._limits.room

    @property
    def allowance_left(self) -> float:
        """What the other side may still send unasked."""
        return self._allowance.left(self._now)

    @property
    def has_answers(self) -> bool:
        """Whether there is an answer among the events that were not taken yet."""
        return any(isinstance(event, Answered) for event in self._events)

    def frame_received(self, frame: bytes, now: float) -> None:
        """Take a frame of the other side's."""
        self._now = self._heard = now
        self._doubted = None
        try:
            for message in decode_frame(frame):
                if isinstance(message, Hello):
                    self._phase.hear_hello(message)
                elif isinstance(message, Proof):
                    self._phase.hear_proof(message)
                else:
                    self._phase.hear(message)
        except PeerFault as fault:
            self._fail(fault)

    def time_passed(self, now: float) -> None:
        """See what is due; to be called about once a second."""
        self._now = now
        if self._handshake_until is not None and not self.is_open and now >= self._handshake_until:
            self._fail(PeerFault("silent", f"the handshake took more than {self._limits.handshake:g} s"))
        if not self.is_open:
            return
        if any(now >= until for _, until in self._requests.values()):
            self._fail(PeerFault("unanswered", f"a request got no answer in {self._limits.answer:g} s"))
        elif now - self._heard >= self._limits.silence:
            self._fail(PeerFault("silent", f"nothing came for {self._limits.silence:g} s"))
        elif self._doubted is not None and now - self._doubted >= self._limits.doubt:
            self._fail(PeerFault("moved", "nothing comes any more by this link, which another one is to follow"))
        elif now >= self._ping_at:
            self._ping()

    def doubt(self, now: float) -> None:
        """The network may be another one, or the other side have lost this link: see soon whether it is still there."""
        self._now = now
        if self.is_open and self._doubted is None:
            self._doubted = now
            self._ping()

    def send(self, message: Message) -> None:
        """Send a message that needs no answer. Does nothing unless the link is open."""
        if self.is_open:
            self._put(message)

    def ask(self, question: type[Question], *arguments: object) -> int:
        """Send a question; its answer is told by :class:`Answered` with the number that this returns.

        Only while the link is open.
        """
        self._last_request = (self._last_request + 1) % 2**32
        self._requests[self._last_request] = (ANSWERS[question], self._now + self._limits.answer)
        self._put(question(self._last_request, *arguments))  # type: ignore[arg-type]
        return self._last_request

    def end(self, fault: PeerFault) -> None:
        """End the link for a fault that was found elsewhere."""
        self._fail(fault)

    def lose(self, reason: str) -> None:
        """The channel is gone."""
        self._phase.close(Closed(PeerFault("going_away", reason)))

    def take_events(self) -> list[Event]:
        """What happened since the last call."""
        events, self._events = self._events, []
        return events

    def take_frame(self) -> bytes | None:
        """The next frame that is to be sent, or None.

        What belongs to the handshake goes without what follows it: the other side takes no long frame before it is
        done, and this side may be done in the very turn at whose end its own proof is sent.
        """
        if self._of_handshake and self._queue:
            messages = [self._queue.popleft() for _ in range(min(self._of_handshake, len(self._queue)))]
            self._of_handshake = 0
        else:
            messages = take_bundle(self._queue)
        self.queued_bytes -= sum(map(len, messages))
        return b"".join(messages) if messages else None

    def take_frames(self) -> list[bytes]:
        """All that is to be sent."""
        return list(iter(self.take_frame, None))

    def _put(self, message: Message) -> None:
        encoded = encode_message(message)
        self._queue.append(encoded)
        self.queued_bytes += len(encoded)
        if self.queued_bytes > self._limits.queue:
            self._fail(PeerFault("slow", f"more than {self._limits.queue} bytes wait for it"))

    def _ping(self) -> None:
        self._ping_number = (self._ping_number + 1) % 2**32
        self._pinged = self._ping_number, self._now
        self._ping_at = self._now + self._limits.ping_interval
        self._put(Ping(self._ping_number))

    def _fail(self, fault: PeerFault) -> None:
        self._phase.close(Closed(fault))

    # What the machine does

    def examine_hello(self, hello: Hello) -> None:
        """Answer a good hello with the proof."""
        check_hello(self._ours, hello, self._expected)
        self.hello = hello
        if hello.node in self._linked:
            raise PeerFault("second_link", "there is another link between these two nodes")
        self._put(make_proof(self._key, self._dials, self._binding, self._ours, hello))
        self._of_handshake = len(self._queue)
        self._phase.greet()

    def examine_proof(self, proof: Proof) -> None:
        """Open the link if the proof is true."""
        assert self.hello is not None
        check_proof(proof, self._dials, self._binding, self._ours, self.hello)
        self._phase.open()

    def begin(self) -> None:
        """The link is open."""
        assert self.hello is not None
        self.is_open = True
        self._events.append(Opened(self.hello))
        if self.hello.network != NO_NETWORK and self._ours.network != NO_NETWORK:
            self._ping()

    def hand_on(self, message: AnyMessage) -> None:
        """Take a message of an open link."""
        if isinstance(message, Answer):
            expected, _ = self._requests.pop(message.request, (None, 0.0))
            if expected is not type(message):
                raise PeerFault("unexpected", f"{type(message).__name__} came unasked")
            self._events.append(Answered(message.request, message))
            return
        if not self._allowance.take(COSTS.get(type(message), 1), self._now):
            raise PeerFault("flooding", "it sends more than is taken from one node")
        if isinstance(message, Ping):
            self._put(Pong(message.number))
        elif isinstance(message, Pong):
            if self._pinged is not None and self._pinged[0] == message.number:
                self.ping_seconds = self._now - self._pinged[1]
                self._pinged = None
        elif isinstance(message, Goodbye):
            raise _Told(message)
        elif self.hello is not None and self.hello.network == NO_NETWORK and not isinstance(message, GetGenesis):
            raise PeerFault("unexpected", "a newcomer may ask for the genesis alone")
        else:
            self._events.append(Received(message))

    def hear_goodbye(self, message: AnyMessage) -> None:
        """Before a link is open, nothing but a goodbye is taken."""
        if isinstance(message, Goodbye):
            raise _Told(message)
        raise PeerFault("unexpected", f"{type(message).__name__} came before the handshake was done")

    def finish(self, closed: Closed) -> None:
        """The link is over."""
        self.is_open = False
        self._requests.clear()
        fault = closed.fault
        if isinstance(fault, _Told):
            said = f"it said {fault.goodbye.fault}: {fault.goodbye.reason}"
            closed = Closed(PeerFault("going_away", said), told=True)
        elif fault.name != "going_away" or self.hello is not None:
            encoded = encode_message(Goodbye(fault.name, fault.message[:300]))
            if not self.has_room:
                self._queue.clear()  # whoever takes nothing need not be told all of it to be told goodbye
            self._queue.append(encoded)
        self._events.append(closed)


class _Told(PeerFault):
    """The other side ends the link."""

    def __init__(self, goodbye: Goodbye) -> None:
        super().__init__("going_away", goodbye.reason)
        self.goodbye = goodbye


def _build() -> TypeMachineBuilder[Phase, Link]:
    builder = TypeMachineBuilder(Phase, Link)
    greeting, proving = builder.state("expecting a hello"), builder.state("expecting a proof")
    opened, closed = builder.state("open"), builder.state("closed")

    def refuse(phase: Phase, link: Link, message: Hello | Proof) -> None:
        raise PeerFault("unexpected", f"{type(message).__name__} came out of order")

    @greeting.upon(Phase.hear_hello).to(greeting)
    def hello(phase: Phase, link: Link, hello: Hello) -> None:
        link.examine_hello(hello)

    @greeting.upon(Phase.greet).to(proving)
    def greeted(phase: Phase, link: Link) -> None:
        """The proof is what is waited for now."""

    @proving.upon(Phase.hear_proof).to(proving)
    def proof(phase: Phase, link: Link, proof: Proof) -> None:
        link.examine_proof(proof)

    @proving.upon(Phase.open).to(opened)
    def proven(phase: Phase, link: Link) -> None:
        link.begin()

    @opened.upon(Phase.hear).to(opened)
    def message(phase: Phase, link: Link, message: AnyMessage) -> None:
        link.hand_on(message)

    for state in (greeting, proving):
        state.upon(Phase.hear).to(state)(lambda phase, link, message: link.hear_goodbye(message))
    for state in (proving, opened):
        state.upon(Phase.hear_hello).to(state)(lambda phase, link, hello: refuse(phase, link, hello))
    for state in (greeting, opened):
        state.upon(Phase.hear_proof).to(state)(lambda phase, link, proof: refuse(phase, link, proof))
    for state in (greeting, proving, opened):
        state.upon(Phase.close).to(closed)(lambda phase, link, closed: link.finish(closed))

    closed.upon(Phase.hear_hello).to(closed)(lambda phase, link, hello: None)
    closed.upon(Phase.hear_proof).to(closed)(lambda phase, link, proof: None)
    closed.upon(Phase.hear).to(closed)(lambda phase, link, message: None)
    closed.upon(Phase.close).to(closed)(lambda phase, link, closed: None)
    return builder


_machine = _build().build()
