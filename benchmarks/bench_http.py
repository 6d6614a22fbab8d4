"""``getrecord`` over HTTP, against bare servers that answer the same bytes."""

from __future__ import annotations

from argparse import Namespace

from benchmarks.comparison import Comparison, Target, compare
from benchmarks.load import Plan
from benchmarks.options import parse_options
from benchmarks.servers import ACCOUNT, COLLECTION, KEY, Node, Workshop, getrecord, workshop
from benchmarks.tables import Goal

CONNECTIONS = 8


def main() -> None:
    """Measure and print."""
    options = parse_options(
        f"getrecord over HTTP: {CONNECTIONS} connections kept alive, one request at a time on each", seconds=7, rounds=7
    )
    path = f"/records/{ACCOUNT.public.hex()}/{COLLECTION}/{KEY}"
    with workshop() as shop:
        node = shop.start_node()
        node.put_record()
        print(f"POST / with a request of {len(getrecord())} bytes")
        plan = Plan("post", 0, str(shop.write("getrecord", getrecord())), CONNECTIONS, 1, 0)
        posts = _compare(shop, node, plan, node.post(getrecord()), options)
        print("GET /records/ACCOUNT/COLLECTION/KEY")
        plan = Plan("get", 0, str(shop.write("path", path.encode())), CONNECTIONS, 1, 0, expected='"account":')
        _compare(shop, node, plan, node.fetch("GET", path), options)
        print(Goal("getrecord over HTTP against a Klein route", posts.ratio("cloudnode", "Klein route"), 0.9))


def _compare(shop: Workshop, node: Node, plan: Plan, answer: bytes, options: Namespace) -> Comparison:
    print(f"an answer of {len(answer)} bytes")
    with (
        shop.baseline("klein", "Klein route", answer) as klein,
        shop.baseline("web", "twisted.web", answer) as web,
    ):
        targets = [Target(server, plan) for server in (node, klein, web)]
        compared = compare(targets, options.seconds, options.rounds)
    compared.print("Klein route")
    return compared


if __name__ == "__main__":
    main()
