"""What it takes to keep 1,000 mappings: STUN-Client sockets over UDP and TCP, each with its keep-alive.

A node's own parts keep them (:class:`cloudnode.reach.keeper.MappingKeeper` and the sockets that serve the API), in a
process of their own, against a STUN server in another one, over loopback; ``--reach always`` in effect. Times are of
the steady state, after all mappings are known, at the interval that is used before a longer one is learned (15 s), and
at a longer one. What the process has besides is measured without any mapping.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.options import parse_options
from benchmarks.tables import print_table

SECONDS = 30.0
MAPPINGS = 1_000


def measure(mappings: int, keepalive: float, seconds: float) -> dict[str, Any]:
    """Run server and client, and tell what the client took."""
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bench_mappings", "serve"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        ports = server.stdout.readline().split()
        with tempfile.TemporaryDirectory() as directory:
            what = [*ports, str(mappings), str(keepalive), str(seconds), directory]
            command = [sys.executable, "-m", "benchmarks.bench_mappings", "keep", *what]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    finally:
        server.terminate()
        server.wait()
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def main() -> None:
    """Measure and print."""
    options = parse_options(__doc__ or "", seconds=SECONDS)
    rows = []
    for mappings, keepalive in ((0, 15.0), (MAPPINGS, 15.0), (MAPPINGS, 60.0)):
        seconds = max(options.seconds, keepalive)
        found = measure(mappings, keepalive, seconds)
        rows.append(
            (
                f"{mappings} mappings, a keep-alive in {keepalive:g} s",
                f"{found['cpu'] * 100:.2f} %",
                f"{found['memory'] / 2**20:.0f} MiB",
                f"{found['each'] / 1024:.0f} KiB" if mappings else "",
                f"{found['sent']:.1f}",
                f"{found['received']:.1f}",
                f"{found['files']}",
                f"{found['opening']:.1f} s" if mappings else "",
            )
        )
    print_table(
        ("", "of a core", "memory", "each mapping", "packets sent/s", "received/s", "open files", "until all known"),
        rows,
    )


def serve() -> None:
    """The STUN server, on a UDP and a TCP port that it prints."""
    from twisted.internet import reactor as installed

    from cloudnode.stun.answering import BindingServer, StunCounters
    from cloudnode.stun.credentials import Credential, CredentialTable
    from cloudnode.stun.limiting import RateLimiter, RateLimits
    from cloudnode.transports.quic.listener import QuicSocket
    from cloudnode.transports.stun.socket import StunSocket
    from cloudnode.transports.stun.stream import StreamLimits, StunStreamFactory

    reactor: Any = installed
    credentials = CredentialTable()
    credentials.grant("bench", Credential(b"\1" * 32))
    server = BindingServer(credentials, RateLimiter(RateLimits(100_000.0, 100_000)), StunCounters())
    socket = QuicSocket(reactor)
    socket.listen(0, "127.0.0.1")
    StunSocket(reactor, socket, server)
    # All mappings that are kept here are of one asker.
    streams = StunStreamFactory(reactor, server, StreamLimits(connections_asker=MAPPINGS))
    tcp = reactor.listenTCP(0, streams, interface="127.0.0.1")
    print(socket.host_address[1], tcp.getHost().port, flush=True)
    reactor.run()


def keep(udp: int, tcp: int, mappings: int, keepalive: float, seconds: float, directory: str) -> None:
    """Keep so many mappings, half of them over each protocol, and print what that took."""
    from twisted.internet import reactor as installed
    from twisted.internet.task import deferLater

    from benchmarks.mappings import Keeping, count_packets, memory

    reactor: Any = installed
    began = time.monotonic()
    idle = memory()
    keeping = Keeping(reactor, Path(directory), keepalive, mappings, udp, tcp)

    async def run() -> None:
        while keeping.known < mappings:
            await deferLater(reactor, 0.05)
        opening = time.monotonic() - began
        # A whole interval, so that nothing of the beginning is counted.
        await deferLater(reactor, 2.0)
        packets, used, at = count_packets(keeping), sum(os.times()[:2]), time.monotonic()
        await deferLater(reactor, seconds)
        passed = time.monotonic() - at
        sent, received = (now - before for now, before in zip(count_packets(keeping), packets, strict=True))
        print(
            json.dumps(
                {
                    "cpu": (sum(os.times()[:2]) - used) / passed,
                    "memory": memory(),
                    "each": (memory() - idle) / mappings if mappings else 0,
                    "sent": sent / passed,
                    "received": received / passed,
                    "files": len(os.listdir("/proc/self/fd")),
                    "opening": opening,
                }
            )
        )
        await keeping.stop()
        reactor.stop()

    def failed(failure: Any) -> None:
        failure.printTraceback(sys.stderr)
        reactor.stop()

    from twisted.internet.defer import Deferred

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(run()).addErrback(failed))
    reactor.run()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve()
    elif sys.argv[1:2] == ["keep"]:
        udp_port, tcp_port, count, every, length, where = sys.argv[2:]
        keep(int(udp_port), int(tcp_port), int(count), float(every), float(length), where)
    else:
        main()
