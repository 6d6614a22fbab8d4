"""What every carrier of messages does alike, as one mixin, and the session opener that the tests use.

A test case of a transport mixes in :class:`CarrierBehaviour`, says how a caller connects over it, and has all
of these tests run over that transport.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cloudnode.transports.seam import Caller, Connection, Refused


class EchoSession:
    """Answers a message with itself, and does what a few magic messages say.

    :ivar events: What the transport told, in order: messages as bytes, the rest as words.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.events: list[bytes | str] = []

    def message_received(self, message: bytes) -> None:
        self.events.append(message)
        command, _, argument = message.partition(b" ")
        if command == b"close":
            self.connection.close(int(argument), "you asked for it")
        elif command == b"raise":
            raise RuntimeError("a session that fails")
        elif command == b"repeat":
            self.connection.send_message(b"x" * int(argument))
        else:
            self.connection.send_message(message)

    def pause_sending(self) -> None:
        self.events.append("paused")

    def resume_sending(self) -> None:
        self.events.append("resumed")

    def connection_lost(self) -> None:
        self.events.append("lost")


class EchoOpener:
    """Opens :class:`EchoSession` sessions, or refuses to.

    :ivar refusal: What :meth:`check_admission` raises. :ivar late_refusal: What :meth:`open_session` raises.
    """

    def __init__(self) -> None:
        self.sessions: list[EchoSession] = []
        self.asked: list[Caller] = []
        self.refusal: Exception | None = None
        self.late_refusal: Exception | None = None

    @property
    def session(self) -> EchoSession:
        """The only session."""
        [session] = self.sessions
        return session

    def check_admission(self, caller: Caller) -> None:
        self.asked.append(caller)
        if self.refusal is not None:
            raise self.refusal

    def open_session(self, connection: Connection) -> EchoSession:
        if self.late_refusal is not None:
            raise self.late_refusal
        session = EchoSession(connection)
        self.sessions.append(session)
        return session


class CarriedCaller(Protocol):
    """The other end of a connection, in a test's hands."""

    def send(self, message: bytes) -> None:
        """Send a whole message."""

    def received(self) -> list[bytes]:
        """Take the messages that came since the last call (nothing while stalled)."""

    def stall(self) -> None:
        """Take no bytes from now on."""

    def catch_up(self) -> None:
        """Take bytes again."""

    def leave(self) -> None:
        """Drop the connection without a word."""

    @property
    def close_code(self) -> int | None:
        """The code with which the node closed (or refused) the connection, once it did."""

    @property
    def is_connected(self) -> bool:
        """Whether the connection is there still."""


class CarrierBehaviour:
    """Tests of one transport; mixed into a ``SynchronousTestCase``.

    The test case provides :meth:`open_caller` and :meth:`advance`, and the numbers below if its transport has
    other ones.
    """

    max_message = 256 * 1024
    stall_timeout = 30.0
    transport_name = "ws"
    oversize_code = 1009
    invalid_code = 1007
    try_again_code = 1013
    error_code = 1011

    opener: EchoOpener
    open_caller: Callable[[], CarriedCaller]
    advance: Callable[[float], None]
    # Of SynchronousTestCase, for the type checker's and the reader's sake.
    assertEqual: Callable[..., None]
    assertLess: Callable[..., None]
    assertIn: Callable[..., None]
    assertNotIn: Callable[..., None]
    assertTrue: Callable[..., None]
    assertFalse: Callable[..., None]
    flushLoggedErrors: Callable[..., list[object]]

    def take_all(self, caller: CarriedCaller) -> list[bytes]:
        """Receive until nothing more comes."""
        messages: list[bytes] = []
        while batch := caller.received():
            messages += batch
            self.advance(0)
        return messages

    def test_echo(self) -> None:
        """A message reaches the session as it was sent, and so does the answer the caller."""
        caller = self.open_caller()
        caller.send(b'{"a": "\xc3\xa4"}')
        self.assertEqual(caller.received(), [b'{"a": "\xc3\xa4"}'])

    def test_order(self) -> None:
        """Messages of all lengths are answered in the order in which they came."""
        caller = self.open_caller()
        messages = [b"m" * size for size in (0, 1, 125, 126, 127, 1000, 65_535, 65_536, 200_000, 3)]
        for message in messages:
            caller.send(message)
        self.assertEqual([len(message) for message in self.take_all(caller)], list(map(len, messages)))

    def test_push(self) -> None:
        """A session may send without having been asked."""
        caller = self.open_caller()
        self.opener.session.connection.send_message(b"news")
        self.advance(0)
        self.assertEqual(caller.received(), [b"news"])

    def test_who(self) -> None:
        """The session is told the caller's address and transport, and admission was asked for the same."""
        self.open_caller()
        caller = self.opener.session.connection.caller
        self.assertEqual((caller.address, caller.transport), ("192.0.2.1", self.transport_name))
        self.assertEqual(self.opener.asked, [caller])

    def test_largest_message(self) -> None:
        """A message of exactly the greatest length is taken."""
        caller = self.open_caller()
        caller.send(b"m" * self.max_message)
        self.assertEqual([len(message) for message in caller.received()], [self.max_message])

    def test_oversize_message(self) -> None:
        """A message that is a byte longer closes its connection alone, and never reaches the session."""
        other = self.open_caller()
        caller = self.open_caller()
        caller.send(b"m" * (self.max_message + 1))
        self.assertEqual(caller.close_code, self.oversize_code)
        self.assertEqual(self.opener.sessions[1].events[:1], [])
        other.send(b"still here")
        self.assertEqual(other.received(), [b"still here"])

    def test_invalid_text(self) -> None:
        """A message that is not UTF-8 closes its connection alone, and never reaches the session."""
        for text in (b"\xff", b"abc\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"):
            caller = self.open_caller()
            caller.send(text)
            self.assertEqual(caller.close_code, self.invalid_code, text)
            self.assertNotIn(text, self.opener.sessions[-1].events)

    def test_close(self) -> None:
        """A session closes its connection with a code, after what it sent before."""
        caller = self.open_caller()
        caller.send(b"first")
        caller.send(b"close 4001")
        self.assertEqual(caller.received(), [b"first"])
        self.assertEqual(caller.close_code, 4001)

    def test_silent_after_close(self) -> None:
        """What a session sends after it closed goes nowhere, and nothing more is handed to it."""
        caller = self.open_caller()
        caller.send(b"close 4001")
        self.opener.session.connection.send_message(b"too late")
        caller.send(b"too late as well")
        self.assertEqual(caller.received(), [])
        self.assertNotIn(b"too late as well", self.opener.session.events)

    def test_lost_once(self) -> None:
        """The session is told once that the connection is lost, whoever ended it."""
        for end in ("leave", "close"):
            caller = self.open_caller()
            if end == "leave":
                caller.leave()
            else:
                caller.send(b"close 1000")
                self.advance(60.0)
            self.assertEqual(self.opener.sessions[-1].events.count("lost"), 1)
            self.opener.sessions[-1].connection.send_message(b"nobody hears this")

    def test_failing_session(self) -> None:
        """A session that raises has its failure logged and its connection closed, and no other one."""
        other = self.open_caller()
        caller = self.open_caller()
        caller.send(b"raise")
        self.assertEqual(caller.close_code, self.error_code)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        other.send(b"still here")
        self.assertEqual(other.received(), [b"still here"])

    def test_refused_session(self) -> None:
        """A session that is not opened after all closes the connection with a code to try again later."""
        self.opener.late_refusal = Refused(503, "The node is starting.", 5)
        caller = self.open_caller()
        self.assertEqual(caller.close_code, self.try_again_code)

    def test_back_pressure(self) -> None:
        """A caller that does not take the answers gets no more of them, until he takes them."""
        caller = self.open_caller()
        session = self.opener.session
        caller.stall()
        for _ in range(100):
            caller.send(b"repeat 100000")
        self.advance(0)
        self.assertIn("paused", session.events)
        self.assertLess(session.events.count(b"repeat 100000"), 30)
        caller.catch_up()
        self.advance(0)
        lengths = [len(message) for message in self.take_all(caller)]
        self.assertEqual(lengths, [100_000] * 100)
        self.assertEqual(session.events[-1], "resumed")

    def test_stalled_reader(self) -> None:
        """A caller who takes nothing for too long is dropped, and nothing is left waiting."""
        caller = self.open_caller()
        caller.stall()
        for _ in range(100):
            caller.send(b"repeat 100000")
        self.advance(self.stall_timeout - 1)
        self.assertTrue(caller.is_connected)
        self.advance(2)
        self.assertFalse(caller.is_connected)
        self.assertEqual(self.opener.session.events[-1], "lost")

    def test_endless_news(self) -> None:
        """A session that sends on and on to a caller who takes nothing fills no more than the bound."""
        caller = self.open_caller()
        caller.stall()
        for _ in range(1000):
            self.opener.session.connection.send_message(b"n" * 10_000)
            self.advance(0)
        self.assertFalse(caller.is_connected)
