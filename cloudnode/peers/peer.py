"""A link with its channel: what the node's other parts know as a peer."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from cloudnode.peers.entries import Way
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.link import Answered, Closed, Link, Opened, Received
from cloudnode.peers.messages import Answer, AnyMessage, Hello, Message, Question

OFFERS_REMEMBERED = 50_000

HELD_QUESTIONS_MAX = 100
"""Questions that wait until what was answered is on its way; a node that waits for answers has some dozens."""


class Channel(Protocol):
    """The part of :class:`cloudnode.transports.peerchannel.PeerChannel` that is used here."""

    address: str
    port: int
    inbound: bool
    binding: bytes
    arriving_bytes: int

    @property
    def transport_name(self) -> str:
        """``ws`` or ``ws-udp``."""

    @property
    def local_address(self) -> str:
        """The IP address on this side; empty if the channel can move to another one."""

    def send_frame(self, frame: bytes) -> None:
        """Send a binary message."""

    def expect_long_messages(self) -> None:
        """Take messages of the full size."""

    def close(self, reason: str) -> None:
        """Close after what was sent."""


class PeerOwner(Protocol):
    """Who is told what peers do."""

    def peer_opened(self, peer: Peer) -> None:
        """A peer proved who it is."""

    def peer_said(self, peer: Peer, message: AnyMessage) -> None:
        """A message came that is no answer; a :class:`PeerFault` from here ends the link."""

    def peer_closed(self, peer: Peer, closed: Closed) -> None:
        """The link is over; called exactly once."""


class KnownIds:
    """The ids that the other side is known to have, the last so many."""

    def __init__(self, most: int = OFFERS_REMEMBERED) -> None:
        self._most = most
        self._ids: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, operation_id: bytes) -> bool:
        return operation_id in self._ids

    def discard(self, operation_id: bytes) -> None:
        """Forget an id."""
        self._ids.pop(operation_id, None)

    def add(self, operation_id: bytes) -> None:
        """Remember an id, and forget the oldest if there are too many."""
        self._ids[operation_id] = None
        if len(self._ids) > self._most:
            self._ids.popitem(last=False)

    def add_all(self, ids: Iterable[bytes]) -> None:
        """Remember many."""
        self._ids.update(dict.fromkeys(ids))
        while len(self._ids) > self._most:
            self._ids.popitem(last=False)

    def unknown(self, ids: Iterable[bytes]) -> list[bytes]:
        """Those of the ids that are not remembered."""
        known = self._ids
        return [each for each in ids if each not in known]


class Peer:
    """The other end of a link (:class:`cloudnode.transports.peerchannel.PeerEnd`).

    :ivar height: Of the newest block that it is known to have: one whose certificate was checked.
    :ivar claimed_height: Of the newest block that it says it has, shown or not.
    :ivar blocks_from: The height of the oldest block that it says it has.
    :ivar known: Operations that it offered or was offered. :ivar unable_until: It had not what it was asked for;
        until then it is not asked again. :ivar asked: Questions on their way, for those who share it out.
    :ivar began: :ivar last_sent: :ivar last_received: Times by the reactor's clock.
    :ivar answer_bytes: Of frames with answers.
    :ivar dialled: The place in the address book that was dialled, and :ivar way: how; None if the other side dialled.
    :ivar gone: Fires when the channel is gone, some time after the link is over.
    :ivar time_offset: Seconds that its clock was ahead of this node's when it said hello.
    """

    _log = Logger()

    def __init__(
        self,
        channel: Channel,
        link: Link,
        clock: IReactorTime,
        owner: PeerOwner,
        note_waiting: Callable[[Peer, int], None] = lambda peer, size: None,
    ) -> None:
        """:param note_waiting: Is told how many bytes wait to be sent, whenever that changes."""
        self.height = 0
        self.claimed_height = 0
        self.blocks_from = 1
        self.known = KnownIds()
        self.unable_until = 0.0
        self.asked = 0
        self.sent_bytes = 0
        self.received_bytes = 0
        self.answer_bytes = 0
        self.messages_received = 0
        self.began = self.last_sent = self.last_received = clock.seconds()
        self.dialled: tuple[str, int] | None = None
        self.way: Way | None = None
        self.gone: Deferred[None] = Deferred()
        self.time_offset = 0.0
        self.is_feeler = False
        self.was_open = False
        self._channel = channel
        self._link = link
        self._clock = clock
        self._owner = owner
        self._questions: dict[int, Deferred[Answer]] = {}
        self._held: deque[Question] = deque()
        self._on_room: Callable[[], None] | None = None
        self._note_waiting = note_waiting
        self._noted = self._in_channel = 0
        self._flush_call: IDelayedCall | None = None
        self._is_paused = False
        self._is_over = False
        self._soon()

    @property
    def hello(self) -> Hello:
        """What it said of itself; only once it did."""
        assert self._link.hello is not None
        return self._link.hello

    @property
    def said_hello(self) -> bool:
        """Whether it said anything of itself."""
        return self._link.hello is not None

    @property
    def id(self) -> bytes:
        """Its node key."""
        return self.hello.node

    @property
    def version(self) -> int:
        """The version of the protocol that the link speaks."""
        return self._link.version

    @property
    def inbound(self) -> bool:
        """Whether it dialled."""
        return self._channel.inbound

    @property
    def address(self) -> str:
        """Its IP address."""
        return self._channel.address

    @property
    def place(self) -> str:
        """Address and port, for people."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self._channel.port}"

    @property
    def transport(self) -> str:
        """What the link goes over: ``ws`` (TCP) or ``ws-udp`` (QUIC)."""
        return self._channel.transport_name

    @property
    def local_address(self) -> str:
        """The IP address on this side; empty if the link can move to another one."""
        return self._channel.local_address

    @property
    def is_open(self) -> bool:
        """Whether messages may be sent."""
        return self._link.is_open

    @property
    def has_room(self) -> bool:
        """Whether it takes what can as well be left out."""
        return self._link.is_open and self._link.has_room

    @property
    def allowance_left(self) -> float:
        """What it may still send unasked."""
        return self._link.allowance_left

    @property
    def progress_bytes(self) -> int:
        """Bytes of answers that came, with those of a message that is just coming, which may be one."""
        return self.answer_bytes + self._channel.arriving_bytes

    @property
    def ping_seconds(self) -> float | None:
        """The time to it and back, as last measured."""
        return self._link.ping_seconds

    def __repr__(self) -> str:
        name = self.id.hex()[:12] if self.said_hello else "?"
        return f"<Peer {name} at {self.place}>"

    def send(self, message: Message) -> None:
        """Send a message that needs no answer."""
        self._link.send(message)
        self._after()

    def ask(self, question: type[Question], *arguments: object) -> Deferred[Answer]:
        """Ask something.

        :return: Fires with the answer, or with :class:`PeerFault` when the link ends before.
        """
        done: Deferred[Answer] = Deferred()
        if not self._link.is_open:
            done.errback(PeerFault("going_away", "the link is over"))
            return done
        self._questions[self._link.ask(question, *arguments)] = done
        self._after()
        return done

    def when_room(self, call: Callable[[], None]) -> None:
        """Call that once it takes what can as well be left out, or the link is over; forget what was to be called."""
        self._on_room = call

    def end(self, fault: PeerFault) -> None:
        """End the link, saying why."""
        self._link.end(fault)
        self._after()

    def leave(self) -> None:
        """The address that the link goes from is no longer this machine's (:mod:`cloudnode.transports.moving`)."""
        self.end(PeerFault("moved", f"this machine no longer has the address {self.local_address}"))

    def doubt(self) -> None:
        """The network may be another one, or it may have lost this link: see soon whether it is still there."""
        self._link.doubt(self._clock.seconds())
        self._after()

    def time_passed(self) -> None:
        """See what is due."""
        self._link.time_passed(self._clock.seconds())
        self._after()

    # What the channel tells

    def frame_received(self, frame: bytes) -> None:
        """A frame came."""
        if self._is_over:
            return
        self.last_received = self._clock.seconds()
        self.received_bytes += len(frame)
        self._link.frame_received(frame, self.last_received)
        if self._link.has_answers:
            self.answer_bytes += len(frame)
        self._after()

    def sending_paused(self) -> None:
        """The channel's buffer is full."""
        self._is_paused = True

    def sending_resumed(self) -> None:
        """The channel's buffer has room."""
        self._is_paused = False
        self._in_channel = 0
        self._soon()

    def channel_abused(self, reason: str) -> None:
        """The other side did what a channel does not allow."""
        self.end(PeerFault("malformed", reason))

    def channel_lost(self, reason: str) -> None:
        """The channel is gone."""
        self._link.lose(reason)
        self._after()
        self.gone.callback(None)
        if self._flush_call is not None:
            self._flush_call.cancel()
            self._flush_call = None

    # Inside

    def _after(self) -> None:
        """Hand on what happened, and have what waits sent at the end of this turn."""
        for event in self._link.take_events():
            match event:
                case Opened():
                    self.was_open = True
                    self._channel.expect_long_messages()
                    self._tell(self._owner.peer_opened)
                case Received(message):
                    self.messages_received += 1
                    if self._link.is_open:
                        self._hear(message)
                case Answered(request, answer):
                    done = self._questions.pop(request, None)
                    if done is not None:
                        done.callback(answer)
                case Closed():
                    self._close(event)
        if self._link.queued_bytes:
            self._soon()
        self._count_waiting()

    def _hear(self, message: AnyMessage) -> None:
        # An answer would wait behind what waits already: it is made when that is on its way.
        if isinstance(message, Question) and (self._held or not self.has_room):
            self._held.append(message)
            if len(self._held) > HELD_QUESTIONS_MAX:
                self.end(PeerFault("slow", f"it asks without taking the answers: {HELD_QUESTIONS_MAX} questions wait"))
        else:
            self._tell(partial(self._say, message))

    def _count_waiting(self) -> None:
        waiting = 0 if self._is_over else self._link.queued_bytes + self._in_channel
        if waiting != self._noted:
            self._noted = waiting
            self._note_waiting(self, waiting)

    def _say(self, message: AnyMessage, peer: Peer) -> None:
        self._owner.peer_said(peer, message)

    def _tell(self, notice: Callable[[Peer], None]) -> None:
        try:
            notice(self)
        except PeerFault as fault:
            self.end(fault)

    def _soon(self) -> None:
        if self._flush_call is None and not self._is_paused and not self._is_over:
            self._flush_call = self._clock.callLater(0, self._flush)

    def _flush(self) -> None:
        self._flush_call = None
        # What the channel's buffer has no room for stays in the link's queue, where it is bounded.
        while not self._is_paused and (frame := self._link.take_frame()) is not None:
            self.last_sent = self._clock.seconds()
            self.sent_bytes += len(frame)
            self._channel.send_frame(frame)
            # As long as its buffer has room there is little in it.
            self._in_channel = len(frame) if self._is_paused else 0
        while self._held and self.has_room:
            self._tell(partial(self._say, self._held.popleft()))
        self._count_waiting()
        if self.has_room:
            self._tell_of_room()

    def _tell_of_room(self) -> None:
        call, self._on_room = self._on_room, None
        if call is not None:
            call()

    def _close(self, closed: Closed) -> None:
        self._is_over = True
        if self._flush_call is not None:
            self._flush_call.cancel()
            self._flush_call = None
        for frame in self._link.take_frames():
            self._channel.send_frame(frame)
        self._channel.close(closed.fault.name)
        questions, self._questions = self._questions, {}
        for done in questions.values():
            done.errback(closed.fault)
        self._held.clear()
        self._count_waiting()
        self._owner.peer_closed(self, closed)
        self._tell_of_room()
