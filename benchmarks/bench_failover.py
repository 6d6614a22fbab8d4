"""Change of node in mid-session: a node is killed while a read is on its way to it; how soon does another one answer?

Real nodes and a session in network namespaces, with a delay on the client's link so that round trips can be told from
the rest (as root). Each answer is proven. *Noticed* is when the session knew that the connection was gone: by a closed
or refused connection, an ICMP error, or because it gave up waiting; where nothing tells it, a second node is asked
after 0.5 s or 8 times the latency. Beside it: a program without a session, which connects to the other node anew and
asks there.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import attrs

from benchmarks.options import parse_options
from benchmarks.processes import ROOT
from benchmarks.tables import Goal, print_table
from tests.integration.conftest import wait_until
from tests.natlab import natlab
from tests.natlab.nodes import LabNode

DELAY_MS = 40.0
"""One way, on the client's link."""

ROUND_TRIPS = 2.0
ROUNDS = 3
_READY_SECONDS = 60.0


@attrs.frozen
class Network:
    """A validator, two nodes that follow it, and one of these sort behind a NAT."""

    validator: LabNode
    first: LabNode
    second: LabNode
    hidden: LabNode
    client: natlab.Host

    def wait(self, node: LabNode) -> None:
        """Until a node serves what the validator does."""
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            if node.notify.told("READY", "1"):
                with contextlib.suppress(OSError, ValueError):
                    if _height(node) >= _height(self.validator):
                        return
            time.sleep(0.05)
        raise RuntimeError(f"a node does not serve:\n{node.log[-2000:]}")


def _height(node: LabNode) -> int:
    told: int = node.call("getnodeinfo")["sync"]["height"]
    return told


@contextlib.contextmanager
def network(directory: Path) -> Iterator[Network]:
    """All of it, and its end."""
    with natlab.Lab() as lab, contextlib.ExitStack() as stack:
        nodes: list[LabNode] = []

        def start(host: natlab.Host) -> LabNode:
            joins = ["--join", nodes[0].ws_url] if nodes else []
            node = LabNode(host, directory / host.name, joins)
            stack.callback(node.close)
            node.spawn()
            wait_until(lambda: node.notify.told("READY", "1"), _READY_SECONDS, "the node's start")
            nodes.append(node)
            return node

        made = [start(lab.public_host(name)) for name in ("validator", "first", "second")]
        hidden = start(lab.nat("home", kind="full-cone").host("hidden"))
        client = lab.public_host("client")
        client.link.impair(delay_ms=DELAY_MS)
        yield Network(*made, hidden, client)


def measure(of: Network, node: LabNode, urls: tuple[str, str], rounds: int) -> list[dict[str, Any]]:
    """Kill a node some times; what each time took."""
    identity = of.validator.call("getnodeinfo")["network"]
    certificates = {
        url: each.call("getnodeinfo")["certificates"][-1]["hash"]
        for each in (of.first, of.second) for url in (each.wss_url, each.ws_udp_url)
    }  # fmt: skip
    command = [sys.executable, "-m", "benchmarks.failing_over", identity, json.dumps(certificates)]
    command += [*urls, of.validator.ws_url]
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "HOME": "/nonexistent"}
    process = of.client.popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=str(ROOT), env=environment
    )
    measured = []
    try:
        for _ in range(rounds):
            process.stdin.write(f"{node.pid}\n")
            process.stdin.flush()
            told = json.loads(process.stdout.readline())
            if "error" in told:
                raise RuntimeError(told["error"])
            measured.append(told)
            node.kill()
            node.spawn()
            of.wait(node)
    finally:
        process.stdin.close()
        process.wait()
    return measured


def main() -> None:
    """Measure and print."""
    options = parse_options(__doc__ or "", rounds=ROUNDS)
    reason = natlab.unavailable_reason()
    if reason is not None:
        print(f"left out: {reason}")
        return
    round_trip = 2 * DELAY_MS
    rows: list[list[object]] = []
    goals = []
    with tempfile.TemporaryDirectory() as directory, network(Path(directory)) as of:
        key = of.hidden.call("getnodeinfo")["node"]
        transports = {
            "http": (of.first, (of.first.http_url, of.second.http_url)),
            "ws": (of.first, (of.first.ws_url, of.second.ws_url)),
            "wss": (of.first, (of.first.wss_url, of.second.wss_url)),
            "ws+udp": (of.first, (of.first.ws_udp_url, of.second.ws_udp_url)),
            "node: (full-cone NAT), then ws": (of.hidden, (f"node:{key}", of.second.ws_url)),
        }
        for name, (node, urls) in transports.items():
            measured = measure(of, node, urls, options.rounds)
            print(f"{name}: {json.dumps(measured)}", file=sys.stderr, flush=True)
            read, answered, anew = (median(each[what] for each in measured) for what in ("read", "answered", "anew"))
            told = [each for each in measured if each["noticed"] is not None]
            noticed = median(each["noticed"] for each in told) if told else None
            after = median(each["answered"] - each["noticed"] for each in told) / round_trip if told else None
            rows.append(
                [name, read, noticed, None if after is None else after * round_trip, after, answered,
                 answered / round_trip, anew, anew / read]
            )  # fmt: skip
            if after is not None:
                goals.append(Goal(f"{name}: after it was noticed", after, ROUND_TRIPS, " round trips", at_most=True))
    print(f"one round trip: {round_trip:g} ms; all times in ms, medians of {options.rounds}")
    print_table(
        [
            "transport", "a read", "noticed after the kill", "answered after that", "in round trips", "answered in all",
            "in round trips", "without a session", "ratio to a read",
        ],
        rows,
        goals,
    )  # fmt: skip


if __name__ == "__main__":
    main()
