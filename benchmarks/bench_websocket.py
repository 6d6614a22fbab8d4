"""``getrecord`` over WebSocket on TCP, against bare Autobahn that answers the same bytes."""

from __future__ import annotations

from benchmarks.comparison import Target, compare
from benchmarks.load import Plan
from benchmarks.options import parse_options
from benchmarks.servers import getrecord, workshop
from benchmarks.tables import Goal


def main() -> None:
    """Measure and print."""
    options = parse_options("getrecord over WebSocket on TCP", seconds=7, rounds=7)
    with workshop() as shop:
        node = shop.start_node()
        node.put_record()
        answer = node.post(getrecord())
        servers = [node, shop.start_baseline("websocket", "Autobahn", answer)]
        message = str(shop.write("getrecord.json", getrecord()))
        print(f"1 connection with 64 requests outstanding: {len(getrecord())} bytes, answered by {len(answer)} bytes")
        single_plan = Plan("websocket", 0, message, 1, 64, 0)
        single = compare([Target(server, single_plan) for server in servers], options.seconds, options.rounds)
        single.print("Autobahn")
        print("16 connections with 8 requests outstanding on each")
        many_plan = Plan("websocket", 0, message, 16, 8, 0)
        many = compare([Target(server, many_plan) for server in servers], options.seconds, options.rounds)
        many.print("Autobahn")
        print(
            Goal("getrecord over WS TCP against Autobahn, 64 outstanding", single.ratio("cloudnode", "Autobahn"), 0.45)
        )
        print(Goal("reads, 16 connections of 8 outstanding", many.rate("cloudnode"), 10_000, "/s"))


if __name__ == "__main__":
    main()
