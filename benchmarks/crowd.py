"""Many idle WebSocket connections, held until the standard input ends.

Run as ``python -m benchmarks.crowd PORT COUNT``; prints a line when all are open.
"""

from __future__ import annotations

import socket
import sys

from benchmarks.carriers import WebSocket
from benchmarks.processes import HOST


def main() -> None:
    """Open them and wait."""
    port, count = map(int, sys.argv[1:])
    carrier = WebSocket()
    held = []
    for _ in range(count):
        held.append(socket.create_connection((HOST, port), timeout=30))
        carrier.open(held[-1])
    print(f"{len(held)} open", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
