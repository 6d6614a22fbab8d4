"""A client process that reaches a node by its key, through another node: prints how it went, as one line of JSON.

``python -m tests.natlab.requester COORDINATOR_URL NODE [TRANSPORT ...]``. The time counts from the request for the
punch, which a connection to the coordinator is there for already, to the first API answer over the new path.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from cloudnode.client.connecting import connect
from cloudnode.client.errors import ClientError
from cloudnode.client.punching import connect_node, find_coordinator
from cloudnode.reach.punching.tracing import Tracer


async def reach(reactor: Any, url: str, node: str, transports: Sequence[Any]) -> dict[str, Any]:
    """Reach the node, ask it something, and tell."""
    tracer = Tracer(time.time)
    coordinator = await connect(url, reactor)
    via = await find_coordinator(coordinator)
    began = time.monotonic()
    told: dict[str, Any] = {"transport": None, "path": None, "strategy": None}
    try:
        reached = await connect_node(bytes.fromhex(node), via, reactor, transports=transports, tracer=tracer)
        await reached.client.call("gettime")
        told["seconds"] = time.monotonic() - began
        answer = await reached.client.call("getnodeinfo")
        assert answer.result["node"] == node, "another node answered"
        path = reached.path
        told |= {"transport": path.transport, "path": path.candidate.kind, "strategy": path.strategy.value}
        await reached.client.close()
    except ClientError as error:
        told |= {"seconds": time.monotonic() - began, "error": str(error)}
    told["packets"] = sum(trace.packets for trace in tracer)
    told["attempts"] = [[trace.transport, trace.strategy.value, trace.outcome, trace.reason] for trace in tracer]
    await coordinator.close()
    return told


def main(reactor: Any, url: str, node: str, *transports: str) -> Deferred[None]:
    """Print one line."""

    async def run() -> None:
        print(json.dumps(await reach(reactor, url, node, transports or ("udp", "tcp"))), flush=True)

    return Deferred.fromCoroutine(run())


if __name__ == "__main__":
    react(main, sys.argv[1:])
