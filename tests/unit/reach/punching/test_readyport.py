"""A port that is ready before there is an attempt: who gets its connections, and when it is let go."""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.reach.punching import readyport
from cloudnode.reach.punching.readyport import READY_SECONDS, ReadyPorts
from cloudnode.reach.punching.values import Endpoint

SERVER = ("203.0.113.1", 38_082)
STRANGER = ("198.51.100.9", 1_000)


class FakeHandle:
    """A connected socket. :ivar waiting: What was received, ``None`` for nothing yet."""

    def __init__(self) -> None:
        self.waiting: bytes | None = None
        self.is_closed = False

    def recv(self, size: int, flags: int) -> bytes:
        assert flags == socket.MSG_PEEK
        if self.waiting is None:
            raise BlockingIOError
        return self.waiting[:size]

    def close(self) -> None:
        self.is_closed = True


class ReadyPortTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.listening: list[Any] = []
        self.connecting: list[Any] = []
        self.accepted: list[tuple[Any, Endpoint]] = []
        self.connected: list[tuple[Any, int]] = []
        case = self

        class Accepting:
            def __init__(self, reactor: Any, family: int, accepted: Any) -> None:
                self.port, self.family, self.came, self.is_closed = 5_000 + len(case.listening), family, accepted, False
                case.listening.append(self)

            def close(self) -> None:
                self.is_closed = True

        class Connecting:
            def __init__(self, reactor: Any, port: int, to: Endpoint, done: Any) -> None:
                self.port, self.to, self.done, self.is_cancelled = port, to, done, False
                case.connecting.append(self)

            def cancel(self) -> None:
                self.is_cancelled = True

        self.patch(readyport, "Accepting", Accepting)
        self.patch(readyport, "Connecting", Connecting)
        self.ports = ReadyPorts(self.clock, SERVER)

    def take(self) -> Any:
        port = self.ports.take()
        port.take(lambda *given: self.accepted.append(given), lambda *given: self.connected.append(given))
        return port

    def connect(self, place: int = 0, handle: FakeHandle | None = None, number: int = 0) -> None:
        connecting = self.connecting[place]
        connecting.done(connecting, handle, number)

    def test_ready(self) -> None:
        """The connection that was there first is handed on, and not before whoever takes it has the port."""
        self.ports.prepare()
        handle = FakeHandle()
        self.connect(handle=handle)
        port = self.take()
        self.assertEqual((port.port, self.connecting[0].to, self.connected), (5_000, SERVER, []))
        self.clock.advance(0)
        self.assertEqual(self.connected, [(handle, 0)])
        port.close()
        self.assertEqual((handle.is_closed, self.listening[0].is_closed), (False, True))

    def test_under_way(self) -> None:
        """One that is not there yet comes when it is."""
        self.ports.prepare()
        self.take()
        self.clock.advance(0)
        handle = FakeHandle()
        self.connect(handle=handle)
        self.assertEqual((self.connected, len(self.connecting)), ([(handle, 0)], 1))

    def test_made_when_it_is_wanted(self) -> None:
        """Without a port that is ready there is a new one for each attempt."""
        self.ports.prepare()
        first, second = self.take(), self.take()
        self.assertEqual((first.port, second.port, len(self.connecting)), (5_000, 5_001, 2))

    def test_failed(self) -> None:
        """A connection that failed before is made anew; one that fails later is told with its number."""
        self.ports.prepare()
        self.connect(number=errno.ECONNREFUSED)
        self.assertEqual((self.take().port, self.listening[0].is_closed), (5_001, True))
        self.connect(1, number=errno.ETIMEDOUT)
        self.assertEqual(self.connected, [(None, errno.ETIMEDOUT)])

    def test_closed_by_the_server(self) -> None:
        """Neither is one taken that the server has closed, or on which something came unasked."""
        for waiting in (b"", b"HTTP/1.1 400"):
            self.ports.prepare()
            handle = FakeHandle()
            self.connect(-1, handle)
            handle.waiting = waiting
            self.take()
            self.assertTrue(handle.is_closed)
        self.assertEqual(len(self.connecting), 4)

    def test_strangers(self) -> None:
        """Who comes to a port that nobody was told of is sent away; to one that was taken, handed on."""
        self.ports.prepare()
        early, late = FakeHandle(), FakeHandle()
        self.listening[0].came(early, STRANGER)
        self.take()
        self.listening[0].came(late, STRANGER)
        self.assertEqual((early.is_closed, self.accepted), (True, [(late, STRANGER)]))

    def test_nobody_takes_it(self) -> None:
        """It is let go after a while, whether the connection is there or under way, and nothing is planned any more."""
        self.ports.prepare()
        handle = FakeHandle()
        self.connect(handle=handle)
        self.clock.advance(READY_SECONDS)
        self.assertEqual((handle.is_closed, self.listening[0].is_closed), (True, True))
        self.ports.prepare()
        self.ports.close()
        self.assertEqual((self.connecting[1].is_cancelled, self.listening[1].is_closed), (True, True))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_given_up(self) -> None:
        """An attempt that ends before it was told of its connection closes that."""
        self.ports.prepare()
        handle = FakeHandle()
        self.connect(handle=handle)
        self.take().close()
        self.clock.advance(0)
        self.assertEqual((self.connected, handle.is_closed), ([], True))

    def test_no_port(self) -> None:
        """Where no port is to be had, preparing says nothing, and taking does."""

        def fail(*_: Any) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        self.patch(readyport, "Accepting", fail)
        self.ports.prepare()
        self.assertRaises(OSError, self.ports.take)
