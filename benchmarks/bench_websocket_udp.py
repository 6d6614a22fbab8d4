"""``getrecord`` over WebSocket on HTTP/3, against the same QUIC endpoint without an API behind it."""

from __future__ import annotations

from benchmarks.comparison import Target, compare
from benchmarks.load import Plan
from benchmarks.options import parse_options
from benchmarks.servers import getrecord, workshop
from benchmarks.tables import Goal


def main() -> None:
    """Measure and print."""
    options = parse_options("getrecord over WebSocket on UDP (HTTP/3)", seconds=10, rounds=5)
    with workshop() as shop:
        node = shop.start_node()
        node.put_record()
        answer = node.post(getrecord())
        servers = [node, shop.start_baseline("quic", "bare QUIC", answer)]
        message = str(shop.write("getrecord.json", getrecord()))
        print(f"1 connection with 64 requests outstanding: {len(getrecord())} bytes, answered by {len(answer)} bytes")
        plan = Plan("quic", 0, message, 1, 64, 0, warm_up=0.5)
        reads = compare([Target(server, plan) for server in servers], options.seconds, options.rounds)
        reads.print("bare QUIC")
        print(Goal("getrecord over WS UDP against bare QUIC", reads.ratio("cloudnode", "bare QUIC"), 0.7))


if __name__ == "__main__":
    main()
