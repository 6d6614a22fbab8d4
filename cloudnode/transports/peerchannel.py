"""Channels of binary messages, as far as TCP and QUIC do the same: links between nodes, at ``/peer``, and relayed
streams, below ``/relay/``.

What the messages say is not known here. Nodes' certificates are their own and vouched for by nobody; who is at
the other end is proven above, by signatures over the *channel binding*: 32 bytes that both ends of a channel know
(:attr:`ChannelKind.read_binding`), and that somebody in the middle can't make the same on his two channels.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Protocol

import attrs
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest, ConnectionResponse
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from txaio import tx

from cloudnode.transports.addresses import LOCAL, peer_address
from cloudnode.transports.backpressure import SendGate
from cloudnode.transports.leanclient import LeanClientProtocol
from cloudnode.transports.timers import TimerWheel, WheelCall

BINDING_SIZE = 32

_CLOSE_SECONDS = 3.0
_STALL_SECONDS = 30.0
_HEAD_BYTES = 16 * 1024
_ODDITIES_MAX = 64
_POLICY_VIOLATION = 1008


class PeerEnd(Protocol):
    """What lives on a channel. No method raises for anything the other side sent."""

    def frame_received(self, frame: bytes) -> None:
        """Take one binary message."""

    def sending_paused(self) -> None:
        """The channel's send buffer is full: send nothing more."""

    def sending_resumed(self) -> None:
        """The send buffer has room again."""

    def channel_abused(self, reason: str) -> None:
        """The other side did what WebSocket, or a channel of nodes, does not allow: the channel is to be closed."""

    def channel_lost(self, reason: str) -> None:
        """The channel is gone; called exactly once."""


class PeerRefused(Exception):
    """A channel that is not taken; the text says why, for the log."""


@attrs.frozen
class PeerSocketLimits:
    """What a channel may take: the longest message before and after the other side is authenticated, in bytes."""

    first_message: int = 8 * 1024
    max_message: int = 4 * 1024 * 1024 + 128 * 1024
    send_buffer: int = 16 * 1024 * 1024


@attrs.frozen
class ChannelKind:
    """What differs between the carriers of channels.

    :ivar transport: ``ws`` or ``ws-udp``.
    :ivar read_binding: The channel binding of a transport whose WebSocket is open; None if it has none.
    """

    transport: str
    read_binding: Callable[[Any], bytes | None]


@attrs.frozen
class Purpose:
    """What channels are for.

    :ivar path: Where they are served; ending in a slash, with more behind it that says what exactly is wanted.
    :ivar subprotocol: Of WebSocket. :ivar takes_pages: Whether a web page may ask for one.
    """

    path: str
    subprotocol: str
    takes_pages: bool = False

    def includes(self, path: str) -> bool:
        """Whether a request's path is one of these."""
        return path.startswith(self.path) and (path == self.path) != self.path.endswith("/")


LINKS = Purpose("/peer", "cloudnode-peer.1")
RELAYS = Purpose("/relay/", "cloudnode-relay.1", takes_pages=True)


class PeerChannel:
    """One end of a channel; Autobahn's two protocols mix it in.

    :ivar address: The other end's IP address as text. :ivar port: Its port. :ivar inbound: Whether it dialled.
    :ivar path: That of the request for it, on the side that was dialled.
    :ivar binding: The channel binding, once the channel is open. :ivar arriving_bytes: Of the message that is coming.
    """

    transport: Any
    factory: Any
    inbound: bool
    address = ""
    port = 0
    path = ""
    binding = b""
    arriving_bytes = 0

    _log = Logger()
    _end: PeerEnd | None = None
    _gate: SendGate | None = None
    _closing: WheelCall | None = None
    _is_gone = False
    _is_abused = False
    _oddities = 0

    @property
    def transport_name(self) -> str:
        """``ws`` or ``ws-udp``."""
        return str(self.factory.kind.transport)

    @property
    def local_address(self) -> str:
        """The IP address on this side over TCP; empty over QUIC, whose connections move along."""
        address = peer_address(self.transport.getHost())
        return "" if address == LOCAL or self.factory.kind.transport == "ws-udp" else address

    # What an end may do

    def send_frame(self, frame: bytes) -> None:
        """Send one binary message; does nothing once the channel is closed."""
        if self.state == self.STATE_OPEN and self._gate is not None:  # type: ignore[attr-defined]
            was_full = self._gate.is_closed
            self.sendMessage(frame, isBinary=True)  # type: ignore[attr-defined]
            if was_full:
                self._gate.count(len(frame))

    def hold_receiving(self) -> None:
        """Take nothing more from the other side for now."""
        if not self._is_gone:
            self.transport.pauseProducing()

    def resume_receiving(self) -> None:
        """Go on taking."""
        if not self._is_gone:
            self.transport.resumeProducing()

    def expect_long_messages(self) -> None:
        """The other side is authenticated: take messages of the full size from now on."""
        self.maxMessagePayloadSize = self.maxFramePayloadSize = self.factory.limits.max_message

    def close(self, reason: str) -> None:
        """Close the channel after what was sent."""
        if self._is_gone or self._closing is not None:
            return
        self._closing = self.factory.wheel.call_later(_CLOSE_SECONDS, self.abort)
        self.resume_receiving()
        self.sendClose(1000, reason[:120])  # type: ignore[attr-defined]

    def abort(self) -> None:
        """Close the channel at once."""
        if not self._is_gone:
            self.transport.abortConnection()

    # What WebSocket allows and nodes never do, bounded

    def dataReceived(self, data: bytes) -> None:
        """Take bytes; a request head has an end."""
        super().dataReceived(data)  # type: ignore[misc]
        if self.state == self.STATE_CONNECTING and len(self.data) > _HEAD_BYTES:  # type: ignore[attr-defined]
            self.abort()

    def onMessageFrameBegin(self, length: int) -> None:
        """A frame begins; a message comes in one, or in a few."""
        super().onMessageFrameBegin(length)  # type: ignore[misc]
        self._oddities += 1
        if self._oddities > _ODDITIES_MAX:
            self._abused("a message came in too many frames")

    def onMessageFrameData(self, payload: bytes) -> None:
        """A part of a frame came."""
        super().onMessageFrameData(payload)  # type: ignore[misc]
        self.arriving_bytes += len(payload)

    def onPing(self, payload: bytes) -> None:
        """Nodes ping by messages of their own; each of these takes an answer without an allowance."""
        super().onPing(payload)  # type: ignore[misc]
        self._oddities += 1
        if self._oddities > _ODDITIES_MAX:
            self._abused("too many pings of WebSocket's came")

    def _abused(self, reason: str) -> None:
        # More of it may wait in Autobahn's buffer.
        if self._end is not None and not self._is_abused:
            self._is_abused = True
            self._end.channel_abused(reason)
        self.abort()

    # The send gate

    def sending_paused(self) -> None:
        """The gate closed."""
        if self._end is not None:
            self._end.sending_paused()

    def sending_resumed(self) -> None:
        """The gate opened."""
        if self._end is not None:
            self._end.sending_resumed()

    def sending_stalled(self, reason: str) -> None:
        """The reader stalled."""
        self.abort()

    # The life of the channel, as Autobahn tells it

    def _meet(self) -> None:
        """The connection is there."""
        peer: IAddress = self.transport.getPeer()
        self.address = peer_address(peer)
        self.port = getattr(peer, "port", 0)
        with contextlib.suppress(AttributeError, OSError):
            self.transport.setTcpNoDelay(True)
        with contextlib.suppress(AttributeError, OSError):
            self.transport.setTcpKeepAlive(True)

    def onOpen(self) -> None:
        """The WebSocket is open: bind it and make what lives on it."""
        binding = self.factory.kind.read_binding(self.transport)
        if binding is None:
            self.abort()
            return
        self.binding = binding
        self._gate = SendGate(self, self.factory.wheel, _STALL_SECONDS, self.factory.limits.send_buffer)
        self.transport.registerProducer(self._gate, True)
        try:
            self._end = self.factory.make_end(self)
        except PeerRefused as refusal:
            self.close(str(refusal))
        except Exception:
            self._log.failure("What lives on a channel of {address} could not be made", address=self.address)
            self.abort()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Hand a message to the end."""
        self.arriving_bytes = 0
        if not isBinary:
            self.close("messages are binary")
            return
        if self._end is not None and self._closing is None:
            try:
                self._oddities = max(0, self._oddities - 2)
                self._end.frame_received(payload)
            except Exception:
                self._log.failure("A message of {address} could not be handled", address=self.address)
                self.abort()

    def _leave(self, reason: Failure) -> None:
        """The connection is gone."""
        self._is_gone = True
        if self._gate is not None:
            self._gate.release()
        # Autobahn leaves the second of these waiting.
        for call in (self._closing, getattr(self, "closeHandshakeTimeoutCall", None)):
            if call is not None:
                call.cancel()
        end, self._end = self._end, None
        if end is not None:
            if getattr(self, "failedByMe", False):
                broken = getattr(self, "localCloseReason", None) or b""
                end.channel_abused(f"it broke a rule of WebSocket: {bytes(broken).decode('utf-8', 'replace')}")
            said = getattr(self, "remoteCloseReason", None)
            words = said or getattr(self, "wasNotCleanReason", None) or reason.getErrorMessage()
            try:
                end.channel_lost(str(words))
            except Exception:
                self._log.failure("The end of a channel of {address} failed", address=self.address)


class _ServerProtocol(PeerChannel, WebSocketServerProtocol):  # type: ignore[misc]  # Autobahn's own bases differ
    """A channel that the other side dialled."""

    log = tx.make_logger(level="critical")
    inbound = True

    def connectionMade(self) -> None:
        super().connectionMade()
        self._meet()

    def onConnect(self, request: ConnectionRequest) -> str:
        """Take a request for a channel, a link from a node and not from a web page."""
        purpose: Purpose = self.factory.purpose
        if "origin" in request.headers and not purpose.takes_pages:
            raise ConnectionDeny(403, "Links between nodes are not for web pages.")
        if purpose.subprotocol not in request.protocols:
            raise ConnectionDeny(400, f"The subprotocol at {purpose.path} is {purpose.subprotocol}.")
        self.path = request.path
        try:
            self.factory.check_admission(self.address, self.path)
        except PeerRefused as refusal:
            raise ConnectionDeny(503, str(refusal)) from None
        return purpose.subprotocol

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._leave(reason)


class _ClientProtocol(PeerChannel, LeanClientProtocol):  # type: ignore[misc]  # as above
    """A channel that this node dialled."""

    log = tx.make_logger(level="critical")
    inbound = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self._meet()

    def onConnect(self, response: ConnectionResponse) -> None:
        """Refuse whoever does not speak the subprotocol."""
        if response.protocol != self.factory.purpose.subprotocol:
            self.abort()

    def onOpen(self) -> None:
        super().onOpen()
        self.factory.opened.callback(self)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if not self.factory.opened.called:
            self.factory.opened.errback(PeerRefused(reason or "the connection was closed"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._leave(reason)


def _set_options(factory: Any, clock: IReactorTime, limits: PeerSocketLimits, **options: Any) -> None:
    # Autobahn's timers live on the clock that was handed in, not on a module's.
    factory.wheel = factory._batched_timer = TimerWheel(clock)
    factory.limits = limits
    factory.setProtocolOptions(
        maxMessagePayloadSize=limits.first_message,
        maxFramePayloadSize=limits.first_message,
        autoPingInterval=0,
        closeHandshakeTimeout=2,
        failByDrop=False,
        **options,
    )


MakeEnd = Callable[[PeerChannel], PeerEnd]


class PeerSocketFactory(WebSocketServerFactory):
    """Takes the channels that others dial."""

    noisy = False
    protocol = _ServerProtocol

    def __init__(
        self,
        kind: ChannelKind,
        clock: IReactorTime,
        check_admission: Callable[[str, str], None],
        make_end: MakeEnd,
        limits: PeerSocketLimits | None = None,
        purpose: Purpose = LINKS,
    ) -> None:
        """
        :param check_admission: Is given an IP address and the request's path, and raises :class:`PeerRefused`.
        :param make_end: Makes what lives on a channel that is open, or raises :class:`PeerRefused`.
        """
        protocols = [purpose.subprotocol]
        super().__init__(reactor=clock, server="", protocols=protocols)  # type: ignore[no-untyped-call]
        self.kind = kind
        self.purpose = purpose
        self.check_admission = check_admission
        self.make_end = make_end
        _set_options(
            self, clock, limits or PeerSocketLimits(), webStatus=False, openHandshakeTimeout=5, trustXForwardedFor=0
        )


class DiallingFactory(WebSocketClientFactory):
    """Makes the channel that this node dials.

    :ivar opened: Fires with the channel once it is open, or with :class:`PeerRefused`.
    """

    noisy = False
    protocol = _ClientProtocol

    def __init__(
        self,
        kind: ChannelKind,
        url: str,
        clock: Any,
        make_end: MakeEnd,
        limits: PeerSocketLimits,
        purpose: Purpose = LINKS,
    ) -> None:
        """:param url: See :func:`channel_url`. :param make_end: Makes what lives on the channel, once that is open."""
        protocols = [purpose.subprotocol]
        super().__init__(url, reactor=clock, protocols=protocols, useragent="")  # type: ignore[no-untyped-call]
        self.kind = kind
        self.purpose = purpose
        self.opened: Deferred[PeerChannel] = Deferred()
        self.make_end = make_end
        _set_options(
            self, clock, limits, openHandshakeTimeout=0, serverConnectionDropTimeout=1, tcpNoDelay=True
        )  # fmt: skip


def channel_url(host: str, port: int, path: str = LINKS.path) -> str:
    """Where a node takes channels, for the head of the request."""
    return f"wss://[{host}]:{port}{path}" if ":" in host else f"wss://{host}:{port}{path}"
