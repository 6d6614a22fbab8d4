"""A session, as a process on a host of a lab, that learns of nodes behind NATs and reaches them.

``python -m tests.integration.cloud_reacher SECONDS SEED NODE ...``: begins with SEED alone, waits until it was told of
the nodes (keys in hex), and for so many seconds at most until it has reached them without being asked to; has each of
them answer, and prints one line of JSON: for each how its answer was checked, where its connection leads, and whether
the session reached it by itself before it was told to.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react

from cloudnode.client.cloud import Cloud

CALL_SECONDS = 60.0
PAUSE = 0.1


async def reach(reactor: Any, seconds: str, seed: str, *nodes: str) -> None:
    """Reach them one after the other."""
    cloud = await Cloud.connect([seed], reactor, timeout=CALL_SECONDS)
    places = [f"node:{node}" for node in nodes]
    told: dict[str, Any] = {}
    try:
        while not set(places) <= {place.url for place in cloud.places}:
            await deferLater(reactor, PAUSE)
        by_itself: set[str] = set()
        until = reactor.seconds() + float(seconds)
        while not set(places) <= by_itself and reactor.seconds() < until:
            await deferLater(reactor, PAUSE)
            by_itself = {place.url for place in cloud.places if place.is_by_key and place.latency is not None}
        for node, place in zip(nodes, places, strict=True):
            cloud.pin(place)
            answer = await cloud.call("getdatahash")
            info = await cloud.call("getnodeinfo")
            assert info.result["node"] == node
            told[node] = {"checked": answer.checked, "route": cloud.routes[place], "by_itself": place in by_itself}
    finally:
        await cloud.close()
    print(json.dumps(told))


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(reach(reactor, *sys.argv[1:])))
