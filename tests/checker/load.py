"""Some clients of a run, in a process of their own: ``python -m tests.checker.load PLAN TRACE``.

PLAN is a file of JSON with the members of :class:`Plan`. How far they are goes to standard output, an object a line.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import LoopingCall, deferLater

from cloudnode.cli.running import Interrupted, run_in_reactor
from cloudnode.client.client import Client
from cloudnode.client.connecting import connect
from tests.checker.client import Wanderer, World
from tests.checker.publisher import Publisher
from tests.checker.trace import Recorder

TELL_SECONDS = 1.0

START_SECONDS = 0.1
"""One client begins so long after the other."""

PUBLISHER = 1000
"""The number of whoever writes besides the clients."""


class Plan(msgspec.Struct, frozen=True):
    """What a process of clients is told.

    :ivar first: The number of its first client. :ivar over: Once there is this file, clients finish.
    :ivar certificates: SHA-256 of what the nodes at some URLs show, which nobody vouches for.
    :ivar began: When the run began, in seconds of the wall clock.
    :ivar rate: Operations a second that are written besides what clients write. The rest is as of :class:`World`.
    """

    first: int
    clients: int
    over: str
    began: float
    seed: int
    network: str
    seeds: list[str]
    others: list[str]
    by_key: list[str]
    liar: list[str]
    certificates: dict[str, str]
    pause: float
    rate: float


class Load:
    """All clients of the process."""

    def __init__(self, plan: Plan, reactor: Any, recorder: Recorder) -> None:
        self._over = Path(plan.over)
        self._reactor = reactor
        self._recorder = recorder
        self._world = World(plan.network, plan.seeds, plan.others, plan.by_key, plan.liar, plan.pause)
        self._began = reactor.seconds() - (time.time() - plan.began)
        self._phase = "running"

        async def dial(url: str) -> Client:
            trusted = plan.certificates.get(url)
            return await connect(url, reactor, certificate_hash=None if trusted is None else bytes.fromhex(trusted))

        random = Random(plan.seed + plan.first)
        self._clients: list[Wanderer | Publisher] = [
            Wanderer(number, Random(random.random()), self._world, recorder, reactor, self._began, dial)
            for number in range(plan.first, plan.first + plan.clients)
        ]
        if plan.rate:
            chance = Random(random.random())
            publisher = Publisher(PUBLISHER, chance, self._world, recorder, reactor, self._began, dial, plan.rate)
            self._clients.append(publisher)

    async def run(self) -> None:
        """Until they are to finish and all have read to the end."""
        loop = LoopingCall(self.tell)
        loop.clock = self._reactor
        loop.start(TELL_SECONDS)
        running = [
            deferLater(self._reactor, number * START_SECONDS, Deferred.fromCoroutine, client.run())
            for number, client in enumerate(self._clients)
        ]
        await gatherResults(running, consumeErrors=True)
        self._phase = "done"
        loop.stop()
        self.tell()

    def tell(self) -> None:
        """Say how far it is."""
        if self._phase == "running" and self._over.exists():
            self._world.is_over = True
            self._phase = "draining"
        told = {"phase": self._phase, "cpu": sum(os.times()[:2]), "events": self._recorder.counted}
        print(json.dumps(told | self._world.counts), flush=True)


def main(plan: str, trace: str) -> int:
    """:returns: 0 when all clients are done."""
    from twisted.internet import reactor

    with Path(trace).open("wb", buffering=1 << 20) as file:
        load = Load(msgspec.json.decode(Path(plan).read_bytes(), type=Plan), reactor, Recorder(file))
        try:
            run_in_reactor(reactor, load.run())
        except Interrupted:
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
