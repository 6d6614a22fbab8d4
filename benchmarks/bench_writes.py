"""Signed writes over WebSocket on TCP until they are final and readable, against the ledger alone."""

from __future__ import annotations

from statistics import median

import msgspec

from benchmarks.alone import open_ledger, run_steps
from benchmarks.load import PERCENTILES, Plan
from benchmarks.operations import DATA_BYTES, TIME, Validator, make_key, make_put
from benchmarks.options import parse_options
from benchmarks.servers import Node, make_envelope, request, run_load, submission, workshop
from benchmarks.tables import Goal, print_table
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.operation import Envelope, sign_operation

ACCOUNTS = 100
CONNECTIONS = 4
OUTSTANDING = 512
COLLECTION = "note"

MOST_A_SECOND = 5_000

_SAMPLE = 97


def make_messages(node: Node, first: int, count: int) -> list[bytes]:
    """Signed submissions of records numbered from ``first``, valid from now on."""
    envelope = make_envelope(node, make_key(0))
    messages = []
    for number in range(first, first + count):
        key = make_key(number % ACCOUNTS)
        body = make_put(msgspec.structs.replace(envelope, account=key.public), COLLECTION, number)
        messages.append(request("submit", submission(key, body), number))
    return messages


def check_readable(node: Node, first: int, count: int) -> None:
    """Read every so many-th of the records back.

    :raises RuntimeError: One is not there.
    """
    for number in range(first, first + count, _SAMPLE):
        account = make_key(number % ACCOUNTS).public.hex()
        node.call("getrecord", {"account": account, "collection": COLLECTION, "key": f"r{number}"})


def write_alone(validator: Validator, genesis: Genesis, first: int, count: int) -> float:
    """The ledger alone on as many operations, on one core; returns operations a second."""
    height = validator.store.head.height + 1
    signed = []
    for number in range(first, first + count):
        key = make_key(number % ACCOUNTS)
        envelope = Envelope(genesis.network, key.public, TIME, height, height + genesis.parameters.window)
        body = make_put(envelope, COLLECTION, number)
        signed.append((body, sign_operation(key, body)))
    return run_steps(validator, genesis, signed).rate


def main() -> None:
    """Measure and print."""
    options = parse_options(
        f"Writes of {DATA_BYTES} bytes of data until they are final: {CONNECTIONS} WebSocket connections, "
        f"{OUTSTANDING} outstanding on each",
        seconds=9,
        rounds=3,
    )
    seconds = options.seconds / options.rounds
    count = int(seconds * MOST_A_SECOND)
    rates: list[float] = []
    costs: list[float] = []
    latencies: list[tuple[float, ...]] = []
    alone: list[float] = []
    with workshop() as shop:
        node = shop.start_node()
        store, genesis, key = open_ledger(shop.path / "alone.sqlite3")
        validator = Validator(store, genesis, key)
        for turn in range(options.rounds):
            first = turn * count
            alone.append(write_alone(validator, genesis, first, count // 2))
            messages = shop.write("messages", b"\n".join(make_messages(node, first, count)))
            plan = Plan(
                "websocket", node.ports["websocket"], str(messages), CONNECTIONS, OUTSTANDING, seconds * 10,
                expected='"result":"ok"',
            )  # fmt: skip
            before = node.child.cpu_seconds()
            result = run_load(plan)
            costs.append((node.child.cpu_seconds() - before) / result.all_answers * 1e6)
            rates.append(result.rate)
            latencies.append(result.latencies)
            check_readable(node, first, count)
        store.close()
    ratio = median(rate / base for rate, base in zip(rates, alone, strict=True))
    print_table(
        ["what", "writes/s", "ratio", "CPU us each", *(f"p{each} ms" for each in PERCENTILES)],
        [
            ["cloudnode, WS TCP", median(rates), ratio, median(costs), *map(median, zip(*latencies, strict=True))],
            ["the ledger alone, one core", median(alone), 1.0, 1e6 / median(alone), *[None] * len(PERCENTILES)],
        ],
        [Goal("signed writes until final and readable", median(rates), 3_000, "/s")],
    )


if __name__ == "__main__":
    main()
