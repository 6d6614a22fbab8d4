"""One side of a simultaneous open on sockets that the test plays: what is kept, closed, and tried again."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.reach.punching import connecting
from cloudnode.reach.punching.connecting import OpenRun
from cloudnode.reach.punching.opening import RETRY_LEAST, RETRY_MOST
from cloudnode.reach.punching.values import Candidate, Endpoint

PORT = 5_000
FIRST, SECOND = ("203.0.113.1", 1_000), ("10.0.0.7", 2_000)


class FakeSocket:
    """A connecting socket. :ivar to: Where. :ivar error: What the system will say of it."""

    def __init__(self, scene: Scene) -> None:
        self.to: Endpoint | None = None
        self.error = 0
        self.is_closed = False
        self._scene = scene

    def connect_ex(self, to: Endpoint) -> int:
        self.to = to
        self._scene.made.append(self)
        return self._scene.at_once.pop(0) if self._scene.at_once else errno.EINPROGRESS

    def getsockopt(self, level: int, option: int) -> int:
        assert (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR)
        return self.error

    def fileno(self) -> int:
        return 3

    def close(self) -> None:
        self.is_closed = True


class Scene(Clock):
    """A reactor that watches such sockets, and the run.

    :ivar made: All sockets, in order. :ivar at_once: What the next connects say at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.made: list[FakeSocket] = []
        self.at_once: list[int] = []
        self.writers: list[Any] = []
        self.addWriter: Callable[[Any], None] = self.writers.append

    def removeWriter(self, writer: Any) -> None:
        """As Twisted's: harmless when it is not there."""
        if writer in self.writers:
            self.writers.remove(writer)

    def make(self, family: int, port: int) -> FakeSocket:
        assert (family, port) == (socket.AF_INET, PORT)
        return FakeSocket(self)

    def answer(self, endpoint: Endpoint, error: int = 0) -> None:
        """The system says what came of the connection to an endpoint."""
        [writer] = [each for each in self.writers if each.to == endpoint]
        [handle] = [each for each in self.made if each.to == endpoint and not each.is_closed]
        handle.error = error
        writer.doWrite()

    def open_to(self, endpoint: Endpoint) -> int:
        """How many sockets are open."""
        return sum(each.to == endpoint and not each.is_closed for each in self.made)


class OpenRunTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.scene = Scene()
        self.patch(connecting, "make_shared_socket", self.scene.make)
        self.connected: list[tuple[Any, Endpoint]] = []
        self.addCleanup(self.check)

    def check(self) -> None:
        """Once it is stopped nothing is left, but for what was handed on."""
        self.run_.stop()
        self.assertEqual((self.scene.getDelayedCalls(), self.scene.writers), ([], []))
        handed = [handle for handle, _ in self.connected]
        self.assertEqual([each for each in self.scene.made if not each.is_closed and each not in handed], [])

    def begin(self, *endpoints: Endpoint) -> OpenRun:
        candidates = [Candidate(each, "observed") for each in endpoints]
        self.run_ = OpenRun(self.scene, PORT, candidates, lambda handle, to: self.connected.append((handle, to)))
        return self.run_

    def test_connects(self) -> None:
        """All candidates are connected to at once, from one port; what succeeds is handed on, open."""
        self.begin(FIRST, SECOND)
        self.assertEqual([each.to for each in self.scene.made], [FIRST, SECOND])
        self.scene.answer(SECOND)
        [(handle, endpoint)] = self.connected
        self.assertEqual((endpoint, handle.is_closed), (SECOND, False))
        self.scene.advance(3)
        self.assertEqual(self.scene.open_to(SECOND), 1, "no other connection to the same end")

    def test_refused(self) -> None:
        """After a reset another socket connects, after a random time of the bounds that were chosen for that."""
        self.begin(FIRST)
        waits = []
        for _ in range(10):
            self.scene.answer(FIRST, errno.ECONNREFUSED)
            began, count = self.scene.seconds(), len(self.scene.made)
            while len(self.scene.made) == count:
                self.scene.advance(0.005)
            waits.append(self.scene.seconds() - began)
        self.assertEqual(self.scene.open_to(FIRST), 1)
        self.assertTrue(all(RETRY_LEAST <= each <= RETRY_MOST + 0.01 for each in waits), waits)
        self.assertGreater(len({round(each, 2) for each in waits}), 3, "not in step with the other side")

    def test_taken(self) -> None:
        """Where the other side's SYN was accepted already, the listener has the connection: it is not disturbed."""
        self.scene.at_once = [errno.EADDRNOTAVAIL]
        run = self.begin(FIRST)
        self.scene.advance(0)
        run.accepted(FIRST)
        self.scene.advance(3)
        self.assertEqual((len(self.scene.made), self.scene.open_to(FIRST)), (1, 0))

    def test_accepted(self) -> None:
        """When the listener has the connection, the socket that still connects to the same end is closed."""
        run = self.begin(FIRST, SECOND)
        run.accepted(FIRST)
        self.assertEqual((self.scene.open_to(FIRST), self.scene.open_to(SECOND)), (0, 1))
        self.assertTrue(run.expects(FIRST))
        self.assertFalse(run.expects(("192.0.2.9", 1)))

    def test_silence(self) -> None:
        """A SYN without an answer is given up before the system would repeat it, and sent anew from the same port."""
        self.begin(FIRST)
        for _ in range(60):
            self.scene.advance(0.05)
        self.assertGreaterEqual(len(self.scene.made), 3)
        self.assertEqual(self.scene.open_to(FIRST), 1)

    def test_no_route(self) -> None:
        """An error at once is no exception, and the other candidates go on."""
        self.scene.at_once = [errno.ENETUNREACH, errno.EINPROGRESS]
        self.begin(FIRST, SECOND)
        self.scene.advance(0)
        self.scene.answer(SECOND)
        self.assertEqual([endpoint for _, endpoint in self.connected], [SECOND])

    def test_late(self) -> None:
        """What is connected when the run is over is closed."""
        run = self.begin(FIRST)
        [writer] = self.scene.writers
        run.stop()
        self.assertEqual(self.scene.open_to(FIRST), 0)
        self.assertNotIn(writer, self.scene.writers)
