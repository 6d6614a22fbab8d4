"""One QUIC connection and the application on it, without I/O.

A link is fed datagrams and the time. Once a turn it hands what arrived to its application, lets that write,
and gives out the datagrams that are due. Bytes that came for one stream in one turn are handed over as one
event, however many packets they came in: what costs is the call, not the byte.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Protocol

import attrs
from aioquic.quic.events import (
    ConnectionIdIssued,
    ConnectionIdRetired,
    ConnectionTerminated,
    HandshakeCompleted,
    PingAcknowledged,
    QuicEvent,
    StreamDataReceived,
)
from twisted.logger import Logger

from cloudnode.transports.quic.counters import QuicCounters
from cloudnode.transports.quic.limits import QuicLimits
from cloudnode.transports.quic.windows import BoundedQuicConnection

Address = tuple[str, int]
Datagram = tuple[bytes, Address]


class Cause(Enum):
    """Why a link ended."""

    CLOSED = "closed on this side"
    CLOSED_BY_PEER = "closed by the other side"
    IDLE = "nothing came for too long"
    HANDSHAKE_TIMED_OUT = "the handshake did not finish in time"
    UNREACHABLE = "nobody listens at the address"
    FAILED = "an error on this side"


@attrs.frozen
class Loss:
    """The end of a link.

    :ivar code: The QUIC or application error code that closed it; 0 if none did.
    :ivar reason: The closing side's words.
    """

    cause: Cause
    code: int = 0
    reason: str = ""


class Application(Protocol):
    """What runs on a link. An exception out of it ends that link alone."""

    @property
    def is_busy(self) -> bool:
        """Whether something is open on the link, so that it is kept alive."""

    @property
    def carries_nodes(self) -> bool:
        """Whether a link between two nodes is open on it."""

    def events_received(self, events: list[QuicEvent]) -> None:
        """Take what happened since the last turn."""

    def flush(self) -> None:
        """Hand what is to be sent to the connection: its datagrams are made next."""

    def deadline(self) -> float | None:
        """The time at which :meth:`handle_timer` wants to be called."""

    def handle_timer(self, now: float) -> None:
        """The deadline has come, or an earlier one."""

    def link_lost(self, loss: Loss) -> None:
        """The link is gone. Called exactly once."""


class Link:
    """One connection as its endpoint sees it.

    :param quic: The connection, which has not been fed anything.
    :param now: The time of its beginning, in seconds of a clock that never goes back.
    :param wake: Called with this link when it wants its turn.
    :param address_key: What the limit by address counts this link under.
    """

    _log = Logger()

    def __init__(
        self,
        quic: BoundedQuicConnection,
        *,
        limits: QuicLimits,
        counters: QuicCounters,
        now: float,
        wake: Callable[[Link], None],
        address_key: str = "",
    ) -> None:
        self.quic = quic
        self.counters = counters
        self.limits = limits
        self.address_key = address_key
        self.application: Application | None = None
        self.connection_ids: set[bytes] = {quic.host_cid}
        #: Whether the endpoint was told of the end.
        self.loss: Loss | None = None
        self.is_established = False
        #: The time of the last turn.
        self.now = now
        self._handshake_until = now + limits.handshake_seconds
        self._heard_at = self._kept_alive_at = now
        self._wake = wake

    @property
    def peer_address(self) -> Address:
        """Where the other side is now; it may move (RFC 9000, section 9)."""
        address: Address = self.quic.get_peer_address() or ("", 0)
        return address

    def wake(self) -> None:
        """Ask for a turn: something is to be sent."""
        self._wake(self)

    def receive_datagram(self, datagram: bytes, addr: Address, now: float) -> None:
        """Take one datagram; what it brought is handed on in the next turn."""
        self.quic.receive_datagram(datagram, addr, now)
        self._heard_at = now

    def take_turn(self, now: float) -> list[Datagram]:
        """Hand on what arrived and return the datagrams to send now."""
        self.now = now
        events = self._take_events()
        application = self.application
        if application is not None:
            if events:
                application.events_received(events)
            application.flush()
        datagrams: list[Datagram] = self.quic.datagrams_to_send(now)
        if self.quic.is_ended and self.loss is None:
            self.loss = self._explain_end()
        return datagrams

    def deadline(self) -> float | None:
        """The time at which :meth:`handle_timer` is to be called, or None once the link has ended."""
        if self.loss is not None:
            return None
        at: float | None = self.quic.get_timer()
        candidates = [] if at is None else [at]
        if not self.is_established:
            candidates.append(self._handshake_until)
        elif self.application is not None:
            wanted = self.application.deadline()
            if wanted is not None:
                candidates.append(wanted)
            if self.application.is_busy:
                candidates.append(self._quiet_since() + self.limits.keep_alive_seconds)
        return min(candidates, default=None)

    def handle_timer(self, now: float) -> None:
        """Do what is due; a turn follows."""
        if not self.is_established and now >= self._handshake_until:
            self.counters.handshakes_dropped += 1
            self.loss = Loss(Cause.HANDSHAKE_TIMED_OUT)
            return
        if self.application is not None:
            self.application.handle_timer(now)
            if self.application.is_busy and now - self._quiet_since() >= self.limits.keep_alive_seconds:
                self._kept_alive_at = now
                self.quic.send_ping(0)
        at = self.quic.get_timer()
        if at is not None and now >= at:
            self.quic.handle_timer(now)

    def close(self, code: int, reason: str) -> None:
        """Close the connection; the peer is told in the next turn."""
        self.quic.close(error_code=code, reason_phrase=reason)
        self.wake()

    def end(self, loss: Loss) -> None:
        """Tell the application, once, and let go of what is held. The endpoint calls this."""
        self.loss = loss
        self.quic.release()
        application, self.application = self.application, None
        if application is not None:
            try:
                application.link_lost(loss)
            except Exception:
                self.counters.failures += 1
                self._log.failure("the application of a lost link failed")

    def _quiet_since(self) -> float:
        return max(self._heard_at, self._kept_alive_at)

    def _take_events(self) -> list[QuicEvent]:
        events: list[QuicEvent] = []
        data: dict[int, list[StreamDataReceived]] = {}
        next_event = self.quic.next_event
        while (event := next_event()) is not None:
            if type(event) is StreamDataReceived:
                data.setdefault(event.stream_id, []).append(event)
                continue
            if data:
                events.extend(_join(pieces) for pieces in data.values())
                data = {}
            if isinstance(event, ConnectionIdIssued):
                self.connection_ids.add(event.connection_id)
            elif isinstance(event, ConnectionIdRetired):
                self.connection_ids.discard(event.connection_id)
            elif isinstance(event, HandshakeCompleted):
                self.is_established = True
                self.counters.handshakes_completed += 1
                events.append(event)
            elif not isinstance(event, ConnectionTerminated | PingAcknowledged):
                events.append(event)
        events.extend(_join(pieces) for pieces in data.values())
        return events

    def _explain_end(self) -> Loss:
        event = self.quic.close_event
        if event is None:
            return Loss(Cause.FAILED)
        if self.quic.is_closed_by_peer:
            cause = Cause.CLOSED_BY_PEER
        elif event.reason_phrase == "Idle timeout":
            cause = Cause.IDLE
        else:
            cause = Cause.CLOSED
        return Loss(cause, event.error_code, event.reason_phrase)


def _join(pieces: list[StreamDataReceived]) -> StreamDataReceived:
    if len(pieces) == 1:
        return pieces[0]
    return StreamDataReceived(
        data=b"".join([piece.data for piece in pieces]),
        end_stream=pieces[-1].end_stream,
        stream_id=pieces[0].stream_id,
    )
