"""Proven and unproven reads a second through sessions of the client library, in a process of their own.

``python -m benchmarks.reading SECONDS ROUNDS OUTSTANDING ACCOUNT URL...`` prints an object: for each way of verifying,
and for a bare connection to the first URL, the reads a second of each round.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from benchmarks.servers import COLLECTION, KEY
from cloudnode.cli.running import run_in_reactor
from cloudnode.client.cloud import Cloud
from cloudnode.client.connecting import connect

BARE = "one connection"
WAYS = ("none", "certificate", "proof", "quorum:2")


async def count(read: Callable[[], Awaitable[Any]], outstanding: int, seconds: float) -> float:
    """Answers a second, with so many questions under way."""
    until = time.monotonic() + seconds
    done = 0

    async def ask() -> None:
        nonlocal done
        while time.monotonic() < until:
            await read()
            done += 1

    began = time.monotonic()
    await gatherResults([Deferred.fromCoroutine(ask()) for _ in range(outstanding)], consumeErrors=True)
    return done / (time.monotonic() - began)


async def measure(
    reactor: Any, seconds: float, rounds: int, outstanding: int, account: str, urls: list[str]
) -> dict[str, list[float]]:
    """All ways, which take turns."""
    record = {"account": account, "collection": COLLECTION, "key": KEY}
    client = await connect(urls[0], reactor)
    sessions = {way: await Cloud.connect(urls, reactor, verify=way) for way in WAYS}

    def reader(way: str) -> Callable[[], Awaitable[Any]]:
        if way == BARE:
            return lambda: client.call("getrecord", record)
        return lambda: sessions[way].call("getrecord", record)

    rates: dict[str, list[float]] = {way: [] for way in (BARE, *WAYS)}
    for _ in range(rounds):
        for way, measured in rates.items():
            measured.append(await count(reader(way), outstanding, seconds / rounds))
    for session in sessions.values():
        await session.close()
    await client.close()
    return rates


def main(seconds: str, rounds: str, outstanding: str, account: str, *urls: str) -> None:
    """Measure and print."""
    from twisted.internet import reactor

    rates = run_in_reactor(
        reactor, measure(reactor, float(seconds), int(rounds), int(outstanding), account, list(urls))
    )
    print(json.dumps(rates))


if __name__ == "__main__":
    main(*sys.argv[1:])
