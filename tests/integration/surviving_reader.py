"""A session that reads and is told of changes by a node behind a NAT, as a process on a host of a lab.

``python -m tests.integration.surviving_reader NODE FILMS SEED ...``: it asks the node NODE alone, by its key, for films
and their ratings one after the other, compares each answer with what it has to be (FILMS is a file: a JSON list of
``key``, ``value`` and ``sum``), and keeps a subscription. For each line on standard input it prints what there was up
to now, as one line of JSON; ``silent`` has it ask nothing until the next line.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineReceiver

from cloudnode.client.cloud import Cloud
from cloudnode.client.cloud.cloud import CloudAnswer
from cloudnode.client.errors import ClientError
from tests.integration.test_peers import AUTHOR

PAUSE = 0.05
CALL_SECONDS = 60.0


class Reader:
    """One session. :ivar is_silent: Whether it asks nothing."""

    def __init__(self, reactor: Any, node: str, films: list[dict[str, Any]], seeds: list[str]) -> None:
        self.is_silent = False
        self._reactor = reactor
        self._place = f"node:{node}"
        self._films = films
        self._seeds = seeds
        self._cloud: Cloud | None = None
        self._reads = 0
        self._troubles: list[str] = []
        self._told: list[str] = []
        self._cursors: list[tuple[int, int]] = []
        self._longest = 0.0

    async def begin(self) -> None:
        """Reach the node, and go on until the process ends."""
        self._cloud = cloud = await Cloud.connect(self._seeds, self._reactor, timeout=CALL_SECONDS)
        cloud.pin(self._place)
        subscription = await cloud.subscribe("records", {"collection": "event"})
        Deferred.fromCoroutine(self._read(cloud)).addErrback(self.failed)
        async for item in subscription:
            cursor = (item.cursor.height, item.cursor.index)
            if self._cursors and cursor <= self._cursors[-1]:
                self._troubles.append(f"the item at {cursor} came after that at {self._cursors[-1]}")
            self._cursors.append(cursor)
            self._told.append(json.loads(bytes(item.raw))["key"])

    async def _read(self, cloud: Cloud) -> None:
        newest = 0
        while True:
            await deferLater(self._reactor, PAUSE)
            if self.is_silent:
                continue
            film = self._films[self._reads // 2 % len(self._films)]
            what = "ratings" if self._reads % 2 else "record"
            began = time.monotonic()
            try:
                answer = await (ask_ratings if self._reads % 2 else ask_record)(cloud, film["key"])
            except ClientError as error:
                self._troubles.append(f"the {what} of {film['key']}: {error}")
                continue
            self._longest = max(self._longest, time.monotonic() - began)
            found = answer.result["sum"] if self._reads % 2 else answer.result["data"]
            wanted = film["sum"] if self._reads % 2 else film["value"]
            if found != wanted or answer.checked not in ("proof", "partly") or answer.url != self._place:
                self._troubles.append(f"the {what} of {film['key']}: {found}, {answer.checked} at {answer.url}")
            if answer.height < newest:
                self._troubles.append(f"the {what} of {film['key']} at height {answer.height} came after {newest}")
            newest = answer.height
            self._reads += 1

    def tell(self) -> dict[str, Any]:
        """What there was since the session began; of the longest read, since this was asked."""
        longest, self._longest = self._longest, 0.0
        routes = {} if self._cloud is None else self._cloud.routes
        return {
            "reads": self._reads, "troubles": self._troubles, "told": self._told, "longest": longest,
            "route": routes.get(self._place, ""), "others": [url for url in routes if url != self._place],
        }  # fmt: skip

    def failed(self, failure: Any) -> None:
        """The session ended, which it should not."""
        self._troubles.append(failure.getTraceback())


async def ask_record(cloud: Cloud, key: str) -> CloudAnswer:
    """A film."""
    return await cloud.call("getrecord", {"account": AUTHOR.public.hex(), "collection": "film", "key": key})


async def ask_ratings(cloud: Cloud, key: str) -> CloudAnswer:
    """Its ratings, of which the sum is proven."""
    return await cloud.call("getratings", {"record": f"{AUTHOR.public.hex()}/film/{key}"})


class Lines(LineReceiver):
    """One answer for each line."""

    delimiter = b"\n"

    def __init__(self, reactor: Any, reader: Reader) -> None:
        self._reactor = reactor
        self._reader = reader

    def connectionMade(self) -> None:
        """The test listens."""
        Deferred.fromCoroutine(self._reader.begin()).addErrback(self._reader.failed)

    def lineReceived(self, line: bytes) -> None:
        """Tell."""
        self._reader.is_silent = line == b"silent"
        print(json.dumps(self._reader.tell()), flush=True)

    def connectionLost(self, reason: object = None) -> None:
        """The test is over."""
        if self._reactor.running:
            self._reactor.stop()


def main(node: str, films: str, *seeds: str) -> None:
    """Read until standard input ends."""
    from twisted.internet import reactor as installed

    reactor: Any = installed
    StandardIO(Lines(reactor, Reader(reactor, node, json.loads(Path(films).read_text("utf-8")), list(seeds))))
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
