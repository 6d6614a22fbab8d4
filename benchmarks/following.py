"""A node that follows another one, as processes, watched until it has what the other has."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import attrs
import msgspec

from benchmarks.servers import CALM, Node, Workshop

POLL_SECONDS = 0.1


@attrs.frozen
class Sample:
    """What a node said of its catching up.

    :ivar seconds: After it answered first.
    :ivar cpu: Seconds of a core that it and the one that it follows took so far.
    """

    seconds: float
    sync: dict[str, Any]
    cpu: tuple[float, float]


def serve_copy(shop: Workshop, datadir: Path) -> Node:
    """Start a node on a copy of a data directory, which stays as it is."""
    copy = shop.path / "source"
    shutil.copytree(datadir, copy)
    return shop.start_node(copy, CALM)


def follow(shop: Workshop, source: Node, sync: str, seconds: float) -> tuple[Node, list[Sample], float]:
    """Start a follower and watch it until it has the height that the other has.

    :param sync: Its setting. :param seconds: The longest that it may take.
    :return: The follower, what it said, and the seconds from the start of its process to the end.
    :raises RuntimeError: It takes too long.
    """
    height = source.call("getnodeinfo", {})["sync"]["height"]
    started = time.perf_counter()
    config = f'join = ["ws://127.0.0.1:{source.ports["websocket"]}"]\nsync = "{sync}"\n'
    node = shop.start_node(config=config)
    answered = time.perf_counter()
    samples: list[Sample] = []
    while True:
        told = node.call("getnodeinfo", {})["sync"]
        cpu = node.child.cpu_seconds(), source.child.cpu_seconds()
        samples.append(Sample(time.perf_counter() - answered, told, cpu))
        if told["state"] == "serving" and told["height"] >= height:
            return node, samples, time.perf_counter() - started
        if time.perf_counter() - started > seconds:
            raise RuntimeError(f"the follower is not done: {told}")
        time.sleep(POLL_SECONDS)


def prove(node: Node, account: str, collection: str, key: str) -> bool:
    """Whether a node proves a record."""
    message = {
        "jsonrpc": "2.0", "id": 1, "method": "getrecord", "context": {"proof": True},
        "params": {"account": account, "collection": collection, "key": key},
    }  # fmt: skip
    return b'"nodes"' in node.post(msgspec.json.encode(message))
