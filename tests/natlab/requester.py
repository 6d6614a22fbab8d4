"""A client process that reaches a node by its key, through another node: prints how it went, as one line of JSON.

``python -m tests.natlab.requester COORDINATOR_URL NODE [TRANSPORT ...]``; among the transports ``relay`` allows a
relay, and ``move`` asks for one at once and waits until its session moves to a direct path. The time counts from the
request for the punch, for which a connection to the coordinator is there already, to the node's first API answer.

``python -m tests.natlab.requester --warm`` reads such arguments, a JSON list a line, and for each one is a new process
that has loaded the library already (fork(2)): what is left out is the half second in which Python loads modules.
After what that process printed comes a line with its exit status alone.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater, react

from cloudnode.client.connecting import connect
from cloudnode.client.errors import ClientError
from cloudnode.client.punching import connect_node, find_coordinator
from cloudnode.reach.punching.calling import Path
from cloudnode.reach.punching.tracing import Tracer

RUN_SECONDS = 120
"""After which a warm process ends one that is not done."""

MOVE_SECONDS = 60.0
"""So long a relayed session is waited for to move."""


def describe(path: Path | None) -> dict[str, Any]:
    """A path in words."""
    if path is None:
        return {"transport": "tcp", "path": "relay", "strategy": "relay"}
    return {"transport": path.transport, "path": path.candidate.kind, "strategy": path.strategy.value}


async def reach(reactor: Any, url: str, node: str, transports: Sequence[Any]) -> dict[str, Any]:
    """Reach the node, ask it something, and tell."""
    tracer = Tracer(time.time)
    coordinator = await connect(url, reactor)
    mutual = await find_coordinator(coordinator, reactor)
    wait = "move" in transports
    relay_after = 0.0 if wait else 1.0 if "relay" in transports else None
    transports = [each for each in transports if each not in ("relay", "move")]
    began = time.monotonic()
    told: dict[str, Any] = {"transport": None, "path": None, "strategy": None}
    try:
        reached = await connect_node(
            bytes.fromhex(node), mutual, reactor, transports=transports, relay_after=relay_after, tracer=tracer
        )
        await reached.client.call("gettime")
        told["seconds"] = time.monotonic() - began
        answer = await reached.client.call("getnodeinfo")
        assert answer.result["node"] == node, "another node answered"
        told |= describe(reached.path)
        if reached.path is None and wait:
            # A relayed session moves on when there is a direct path, with the same client, and calls are under way.
            told["calls"] = 0
            while reached.path is None and time.monotonic() - began < MOVE_SECONDS:
                calls = [reached.client.call("gettime") for _ in range(4)]
                await deferLater(reactor, 0.005)
                told["calls"] += len(await gatherResults(calls))
            told["moved"] = None if reached.path is None else describe(reached.path)
            await reached.client.call("gettime")
            told["moved_seconds"] = time.monotonic() - began
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


def serve() -> None:
    """Be a new process for each line of standard input, one after the other."""
    gc.freeze()  # what is loaded stays in memory that the processes share
    for line in sys.stdin:
        child = os.fork()
        if not child:
            signal.alarm(RUN_SECONDS)
            react(main, json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--warm"]:
        serve()
    else:
        react(main, sys.argv[1:])
