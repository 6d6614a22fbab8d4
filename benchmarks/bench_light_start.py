"""Light start: how long until a session that knows the network's id alone has its first proven answer, over N epochs.

The epochs are real: each has four validators and ends with a block in which they appoint the next four, approved,
ordered and signed by a quorum of three. A real node serves them; it has all this in its database as if it had followed.
The session asks for them page by page and verifies each against the one before. Beside it: nothing but the verification
of as many signatures, in the same process.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from statistics import median

import attrs

from benchmarks.options import parse_options
from benchmarks.servers import Node, workshop
from benchmarks.tables import print_table
from cloudnode.client.cloud.blocking import BlockingCloud
from cloudnode.formats.keys import VOTE, verify
from cloudnode.node.datadir import Datadir
from tests.unit.store.network import SmallNetwork, make_key

EPOCHS = (1, 100, 1_000)
VALIDATORS = 4
SIGNATURES = 3
"""Of each certificate: a quorum of four."""

ROUNDS = 3


@attrs.frozen
class Start:
    """Medians. :ivar seconds: Until the first proven answer. :ivar cpu: Of this process, meanwhile."""

    seconds: float
    cpu: float


def make_network(path: Path, epochs: int) -> str:
    """A data directory with a log of so many epochs after the first; the network's id."""
    prepared = Datadir.prepare(path)
    network = SmallNetwork(str(path / "ledger.sqlite3"))
    try:
        for number in range(epochs):
            # Another four each time: no key has decided before.
            keys = [make_key(10_000 + VALIDATORS * number + index) for index in range(VALIDATORS)]
            network.block(network.appoint(*keys))
        network.block(network.put(network.accounts[1], "film", "last"))
        network.block()
        prepared.complete(network.genesis).close()
        return network.genesis.network_hex
    finally:
        network.store.close()


def measure(node: Node, network: str, rounds: int) -> Start:
    """Start sessions one after the other."""
    url = f"ws://127.0.0.1:{node.ports['websocket']}"
    times, spent = [], []
    for _ in range(rounds):
        began, cpu = time.monotonic(), time.process_time()
        with BlockingCloud.connect([url], network=network) as cloud:
            answer = cloud.call("getdatahash")
            times.append(time.monotonic() - began)
            spent.append(time.process_time() - cpu)
            if answer.checked != "proof":
                raise RuntimeError(f"the answer was checked by {answer.checked}")
    return Start(median(times), median(spent))


def verify_alone(count: int) -> float:
    """Seconds for so many signatures and nothing else."""
    key = make_key(1)
    message = b"x" * 81
    signature = key.sign(VOTE, message)
    began = time.process_time()
    for _ in range(count):
        if not verify(key.public, VOTE, message, signature):
            raise RuntimeError("a true signature is refused")
    return time.process_time() - began


def main() -> None:
    """Measure and print."""
    options = parse_options(__doc__ or "", rounds=ROUNDS)
    rows: list[list[object]] = []
    first: Start | None = None
    for epochs in EPOCHS:
        with workshop() as shop:
            path = shop.path / "epochs"
            network = make_network(path, epochs)
            # It follows nobody: what it has is all there is.
            with shop.node(path, arguments=("--join", "ws://127.0.0.1:1")) as node:
                measure(node, network, 1)
                alone = verify_alone(SIGNATURES * epochs)
                start = measure(node, network, options.rounds)
            shutil.rmtree(path)
        first = first or start
        more = max(epochs - EPOCHS[0], 1)
        rows.append(
            [
                f"{epochs:,} epochs", start.seconds, start.cpu, alone, start.cpu / alone,
                (start.seconds - first.seconds) / more * 1e3 if epochs > EPOCHS[0] else None,
            ]
        )  # fmt: skip
    print_table(["light start over", "seconds", "CPU s", "its signatures alone s", "ratio", "ms an epoch"], rows)


if __name__ == "__main__":
    main()
