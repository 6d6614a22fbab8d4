"""Which nodes are punched for, and when again."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.stundata import Endpoint, StunData
from cloudnode.peers.messages import Place, PunchCandidate, Punched, StunServer
from cloudnode.reach.punchdialling import (
    AGAIN_MOST,
    AGAIN_SECONDS,
    LOOK_SECONDS,
    VAIN_MOST,
    VAIN_SECONDS,
    PunchDialling,
    Retries,
    Wanted,
    find_wanted,
    read_grant,
)
from cloudnode.reach.punching.allowance import Allowance
from cloudnode.reach.punching.calling import PunchFailed, PunchRequest
from cloudnode.reach.punching.tracing import Tracer
from cloudnode.reach.punching.values import Strategy

OWN, PEER, OTHER, FAR = (bytes([number]) * 32 for number in (1, 2, 3, 4))


def record(node: bytes, *observers: bytes, source: str = "stun") -> StunData:
    """STUN data with a mapping at each observer's."""
    endpoints = tuple(Endpoint("udp", "203.0.113.1", 40_000 + number, observer, source)  # type: ignore[arg-type]
                      for number, observer in enumerate(observers))  # fmt: skip
    return StunData(bytes(32), node, 1, 0, 60, endpoints)


class FindTests(SynchronousTestCase):
    def test_mutual_peer(self) -> None:
        """A node whose mapping a peer with a STUN server sees."""
        records = [record(FAR, PEER, OTHER)]
        self.assertEqual(find_wanted(records, [PEER], OWN, [PEER]), [Wanted(FAR, (PEER,))])
        self.assertEqual(find_wanted(records, [PEER], OWN, []), [])

    def test_no_need(self) -> None:
        """Neither this node itself, nor one that there is a link with, nor one that can be dialled."""
        self.assertEqual(find_wanted([record(OWN, PEER), record(PEER, PEER)], [PEER], OWN, [PEER]), [])
        self.assertEqual(find_wanted([record(FAR, PEER, source="interface")], [PEER], OWN, [PEER]), [])


class GrantTests(SynchronousTestCase):
    request = PunchRequest(FAR, "tcp", Strategy.DIRECT, "username", bytes(32), (), "unknown")

    def read(self, strategy: str, *candidates: PunchCandidate) -> list[str]:
        """The addresses that are tried of those that a public coordinator tells."""
        answer = Punched(1, "", strategy, candidates, Place("203.0.113.1", 40_000))  # type: ignore[arg-type]
        return [each.endpoint[0] for each in read_grant(answer, self.request, "198.51.100.1").order.candidates]

    def test_believed(self) -> None:
        """Nothing is tried at this machine or in its network, nor more than what was asked for."""
        public, here, inside = (
            PunchCandidate(host, 5_000, "observed") for host in ("203.0.113.2", "127.0.0.1", "192.168.0.1")
        )
        self.assertEqual(self.read("direct", here, inside, public), ["203.0.113.2"])
        for told in ((here, inside), ()):
            self.assertRaises(PunchFailed, self.read, "direct", *told)
        for strategy in ("spread", "opener"):
            self.assertRaises(PunchFailed, self.read, strategy, public)

    def test_refused(self) -> None:
        """A coordinator that refuses says why."""
        answer = Punched(1, "punch_hopeless")
        error = self.assertRaises(PunchFailed, read_grant, answer, self.request, "198.51.100.1")
        self.assertIn("punch_hopeless", str(error))


class CoordinatorTests(SynchronousTestCase):
    def test_vain(self) -> None:
        """A coordinator that makes up nodes has this node punch for a few of them, and then for one a minute."""
        clock = Clock()
        peer: Any = FarPeer()
        made_up = [record(bytes([number]) * 32, PEER) for number in range(10, 250)]
        near: Any = Near([peer])
        dialling = PunchDialling(clock, near, lambda: made_up, Tracer(clock.seconds), Random(1), Allowance())
        asked: list[bytes] = []

        async def link(node: bytes, coordinator: Any) -> Any:
            asked.append(node)
            if is_right:
                return None
            raise PunchFailed("nothing came through")

        is_right = True
        dialling.link = link  # type: ignore[method-assign]
        dialling.server_told(peer, StunServer(3478, 0, "name", bytes(32)))
        dialling.start()
        clock.pump([LOOK_SECONDS / 4] * 400)
        often = len(asked)
        self.assertGreater(often, 3 * VAIN_MOST)
        is_right = False
        asked.clear()
        clock.pump([LOOK_SECONDS / 4] * int(4 * VAIN_SECONDS * 10 / LOOK_SECONDS))
        self.assertGreaterEqual(len(asked), VAIN_MOST + 8)
        self.assertLessEqual(len(asked), VAIN_MOST + 10)
        self.assertEqual(len(set(asked)), len(asked))
        dialling.stop()
        self.assertEqual(clock.getDelayedCalls(), [])


class FarPeer:
    """A link with a coordinator."""

    id = PEER
    address = "198.51.100.1"
    inbound = False


class Near(list[Any]):
    """Links."""

    node_key = OWN
    settings = SimpleNamespace(outbound=8)


class RetriesTests(SynchronousTestCase):
    def test_backoff(self) -> None:
        """After each failure it takes twice as long, up to an hour; a success forgets them."""
        retries = Retries()
        now, pauses = 0.0, []
        for _ in range(10):
            retries.failed(FAR, now)
            pause = AGAIN_SECONDS
            while not retries.may_try(FAR, now + pause):
                pause *= 2
            pauses.append(min(pause, AGAIN_MOST))
            now += pause
        self.assertEqual(pauses[:3], [60.0, 120.0, 240.0])
        self.assertEqual(pauses[-1], AGAIN_MOST)
        self.assertFalse(retries.may_try(FAR, now - 7_000))
        retries.reached(FAR)
        self.assertTrue(retries.may_try(FAR, 0.0))

    def test_bound(self) -> None:
        """So many nodes are remembered, the last ones."""
        retries = Retries(most=3)
        for number in range(10):
            retries.failed(bytes([number]) * 32, 0.0)
        self.assertTrue(retries.may_try(bytes([6]) * 32, 0.0))
        self.assertFalse(retries.may_try(bytes([7]) * 32, 0.0))
