"""Memory of an idle node, and of idle WebSocket connections, against bare servers."""

from __future__ import annotations

import subprocess
import time

import attrs

from benchmarks.options import parse_options
from benchmarks.processes import Memory, module, raise_file_limit
from benchmarks.servers import Server, workshop
from benchmarks.tables import Goal, print_table

_SETTLE_SECONDS = 2.0


@attrs.frozen
class Crowd:
    """What connections take: the server before them and with them."""

    before: Memory
    after: Memory
    count: int

    @property
    def each(self) -> float:
        """Bytes a connection."""
        return (self.after.pss - self.before.pss) / self.count


def gather(server: Server, count: int) -> Crowd:
    """Open so many connections, measure, close them."""
    _hold(server, 10)  # what the first connection takes once is not each one's
    before = server.child.memory()
    return Crowd(before, _hold(server, count), count)


def _hold(server: Server, count: int) -> Memory:
    crowd = subprocess.Popen(
        module("crowd", server.ports["websocket"], count), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert crowd.stdout is not None
        if not crowd.stdout.readline():
            raise RuntimeError("the connections could not be opened")
        return server.child.memory()
    finally:
        crowd.communicate()


def main() -> None:
    """Measure and print."""
    options = parse_options("Memory of idle servers and of idle connections", connections=10_000)
    if raise_file_limit() < options.connections + 100:
        raise SystemExit("the system allows too few open files for so many connections: see ulimit -Hn")
    with workshop() as shop:
        web = shop.start_baseline("web", "twisted.web", b"{}")
        node = shop.start_node()
        node.put_record()
        node.fetch("GET", "/status")
        time.sleep(_SETTLE_SECONDS)
        idle = {server.name: server.child.memory() for server in (web, node)}
        base = idle["twisted.web"].pss
        print("an idle server, MB")
        print_table(
            ["server", "RSS", "PSS", "ratio of PSS"],
            [[name, each.rss / 1e6, each.pss / 1e6, each.pss / base] for name, each in idle.items()],
        )
        autobahn = shop.start_baseline("websocket", "Autobahn", b"{}")
        crowds = {server.name: gather(server, options.connections) for server in (autobahn, node)}
        base_each = crowds["Autobahn"].each
        print("limits of the node: 20,000 connections, none by address from this machine (the defaults)")
        print(f"{options.connections:,} idle WebSocket connections (PSS)")
        print_table(
            ["server", "before, MB", "with them, MB", "KB a connection", "ratio"],
            [
                [name, crowd.before.pss / 1e6, crowd.after.pss / 1e6, crowd.each / 1e3, crowd.each / base_each]
                for name, crowd in crowds.items()
            ],
            [
                Goal("idle node", idle["cloudnode"].pss / 1e6, 70, " MB", at_most=True),
                Goal("a connection against Autobahn's", crowds["cloudnode"].each / base_each, 1.3, at_most=True),
            ],
        )


if __name__ == "__main__":
    main()
