"""Asks a STUN server as fast as it answers; run in a process of its own.

Over UDP with the system calls that take many datagrams at once, so that the server is what is measured and not this;
over TCP on several connections at once. ``python -m benchmarks.load_stun udp PORT OUTSTANDING SECONDS``.
"""

from __future__ import annotations

import ctypes
import select
import socket
import sys
import time

from cloudnode.stun.transaction import make_request
from cloudnode.transports.stun.batching import CALLS, NAME_SLOT, Tables

HOST = "127.0.0.1"
ANSWER_BYTES_MIN = 32


def ask_udp(port: int, outstanding: int, seconds: float) -> float:
    """Answers a second."""
    tables = Tables(socket.AF_INET)
    name = int(socket.AF_INET).to_bytes(2, sys.byteorder) + port.to_bytes(2, "big") + socket.inet_aton(HOST)
    for index in range(outstanding):
        tables.put_answer(index, make_request(index.to_bytes(12, "big")))
        tables.names[index * NAME_SLOT : index * NAME_SLOT + len(name)] = name
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        handle.bind((HOST, 0))
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        CALLS.sendmmsg(handle.fileno(), tables.outgoing, outstanding, 0)
        answered, began = 0, time.monotonic()
        while time.monotonic() - began < seconds:
            tables.refresh()
            count = CALLS.recvmmsg(handle.fileno(), tables.incoming, outstanding, socket.MSG_DONTWAIT, None)
            if count <= 0:
                if not poll.poll(500):
                    CALLS.sendmmsg(handle.fileno(), tables.outgoing, outstanding, 0)  # they were lost
                continue
            answered += count
            CALLS.sendmmsg(handle.fileno(), ctypes.byref(tables.outgoing), count, 0)
        return answered / (time.monotonic() - began)


def ask_tcp(port: int, outstanding: int, seconds: float) -> float:
    """Answers a second, one request outstanding on each of so many connections.

    One that the server ends (coturn resets some when it is quick) is made anew, in the time that is measured.
    """
    request = make_request(bytes(12))
    poll = select.epoll()
    handles: dict[int, socket.socket] = {}

    def connect() -> None:
        handle = socket.create_connection((HOST, port))
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        handles[handle.fileno()] = handle
        poll.register(handle, select.EPOLLIN)
        handle.send(request)

    for _ in range(outstanding):
        connect()
    answered, began = 0, time.monotonic()
    while time.monotonic() - began < seconds:
        for descriptor, _ in poll.poll(1):
            handle = handles[descriptor]
            try:
                if len(handle.recv(2_048)) < ANSWER_BYTES_MIN:
                    raise ConnectionResetError
                handle.send(request)
            except ConnectionError:
                handles.pop(descriptor).close()
                connect()
                continue
            answered += 1
    return answered / (time.monotonic() - began)


if __name__ == "__main__":
    ask = {"udp": ask_udp, "tcp": ask_tcp}[sys.argv[1]]
    print(ask(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
