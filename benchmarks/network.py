"""Nodes of one network as child processes, and what they say of themselves and of the kernel's count of them."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import attrs

from benchmarks.processes import HOST, ROOT, script
from benchmarks.servers import Node, Workshop

_LINK_SECONDS = 30.0
_FOLLOW_SECONDS = 120.0
_POLL_SECONDS = 0.05


@attrs.frozen
class Spent:
    """What a node took so far.

    :ivar cpu: Processor seconds, the kernel's included. :ivar received: :ivar sent: Bytes of frames on its links.
    """

    cpu: float
    received: int
    sent: int

    def since(self, before: Spent) -> Spent:
        """The difference."""
        return Spent(self.cpu - before.cpu, self.received - before.received, self.sent - before.sent)


class Network:
    """Validators, which are the first nodes, and followers; each dials all nodes that were started before it."""

    def __init__(self, shop: Workshop, nodes: int, validators: int, *, profile: Path | None = None) -> None:
        """:param profile: A directory into which each node writes what Python's profiler saw of its reactor."""
        self.nodes: list[Node] = []
        self._validators = validators
        prepared: list[Path | None] = [shop.path / f"validator-{number + 1}" for number in range(validators)]
        command = [script("cloudnode"), "init", str(shop.path), "--validators", str(validators)]
        subprocess.run(command, check=True, capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
        for number, datadir in enumerate(prepared + [None] * (nodes - validators)):
            join = [f"--join=ws://{HOST}:{node.ports['websocket']}" for node in self.nodes]
            profiling = [] if profile is None else [f"--profile={profile / f'node-{number}.prof'}", "--savestats"]
            self.nodes.append(shop.start_node(datadir, arguments=join, daemon=profiling))

    def wait_until_linked(self) -> int:
        """Wait until every node has a link with every other one.

        :return: The links of the node that has the fewest, which may be less when that takes too long.
        """
        deadline = time.monotonic() + _LINK_SECONDS
        while True:
            fewest = min(len(node.call("getpeerinfo", {})) for node in self.nodes)
            if fewest == len(self.nodes) - 1 or time.monotonic() > deadline:
                return fewest
            time.sleep(_POLL_SECONDS)

    def wait_until_same(self, records: int, ratings: int) -> float:
        """Wait until all nodes have so many records and ratings, and the same state root.

        :return: The time by the monotonic clock.
        :raises RuntimeError: It takes too long.
        """
        deadline = time.monotonic() + _FOLLOW_SECONDS
        waiting = list(self.nodes)
        while waiting:
            now = time.monotonic()
            last = waiting[-1].call("getdatahash", {})
            if (last["records"], last["ratings_count"]) == (records, ratings):
                waiting.pop()
            elif now > deadline:
                raise RuntimeError(f"a node has {last}, not {records} records and {ratings} ratings")
            else:
                time.sleep(_POLL_SECONDS)
        while len({str(node.call("getdatahash", {})) for node in self.nodes}) > 1:
            # An empty block after the last one came to some nodes and not yet to others.
            if time.monotonic() > deadline:
                raise RuntimeError("the nodes' states differ")
        return now

    def spent(self) -> list[Spent]:
        """What each node took so far."""
        found = []
        for node in self.nodes:
            lines = node.fetch("GET", "/metrics").decode().splitlines()
            values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
            received, sent = (int(float(values[f"cloudnode_peers_bytes_{way}"])) for way in ("received", "sent"))
            found.append(Spent(node.child.cpu_seconds(), received, sent))
        return found

    def names(self) -> Sequence[str]:
        """What the nodes are called in tables."""
        followers = len(self.nodes) - self._validators
        return [
            *(f"validator {number + 1}" for number in range(self._validators)),
            *(f"follower {number + 1}" for number in range(followers)),
        ]
