"""Load over TCP: so many connections with so many requests outstanding on each, and the answers counted.

One process with plain sockets and epoll, the same for every server, several times faster than any of them: the servers
are what is measured. Requests are made ready before the first is sent. Answers come in the order of the requests on a
connection, by which latencies are told; writes that become final with one block are close enough to that.

Run as ``python -m benchmarks.load PLAN`` with a :class:`Plan` in JSON; prints a :class:`Result` in JSON. One that is
held says ``ready`` once all is made ready and its connections are open, and begins when it is sent a line.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice, repeat
from pathlib import Path
from typing import Literal

import msgspec

from benchmarks.carriers import Carrier, HttpGet, HttpPost, WebSocket
from benchmarks.processes import HOST

_STALL_SECONDS = 30.0
_RECEIVE = 262_144

CARRIERS: dict[str, type[Carrier]] = {"post": HttpPost, "get": HttpGet, "websocket": WebSocket}


class Plan(msgspec.Struct, frozen=True):
    """What to send.

    :ivar carrier: How messages are carried. :ivar messages: A file of messages, one on a line: a single one is sent
        again and again, several are sent once each. :ivar seconds: How long, after ``warm_up`` seconds.
    :ivar expected: What is in every answer that is as it should be. :ivar held: Whether it waits for a word to begin.
    """

    carrier: Literal["post", "get", "websocket", "quic"]
    port: int
    messages: str
    connections: int
    outstanding: int
    seconds: float
    warm_up: float = 0.3
    expected: str = '"result":'
    held: bool = False

    def read_messages(self) -> list[bytes]:
        """The messages of the file."""
        return Path(self.messages).read_bytes().splitlines()


class Result(msgspec.Struct, frozen=True):
    """What came of it.

    :ivar answers: In the measured time. :ivar seconds: How long that was. :ivar all_answers: With the warm-up.
    :ivar latencies: Milliseconds at each of :data:`PERCENTILES`. :ivar cpu_seconds: Taken by the generator.
    :ivar each: The milliseconds of each answer, ascending; of a load that was held only.
    """

    answers: int
    seconds: float
    all_answers: int
    latencies: tuple[float, ...]
    cpu_seconds: float
    each: tuple[float, ...] = ()

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


PERCENTILES = (50, 90, 99)


class Tally:
    """Counts answers and their latencies, those of the warm-up apart."""

    def __init__(self, plan: Plan) -> None:
        self._expected = plan.expected.encode()
        self._is_held = plan.held
        self._cpu = time.process_time() if plan.held else 0.0
        self._begin = time.perf_counter() + plan.warm_up
        self._end = self._begin + plan.seconds
        self._last = self._begin
        self._warm = 0
        self._latencies: list[float] = []

    def answered(self, payload: bytes, seconds: float, now: float) -> None:
        """Count an answer that took so long.

        :raises RuntimeError: It is not as expected.
        """
        if self._expected not in payload:
            raise RuntimeError(f"the answer is not as expected: {payload[:300]!r}")
        if now < self._begin:
            self._warm += 1
        else:
            self._latencies.append(seconds)
            self._last = now

    def is_over(self, now: float) -> bool:
        """Whether the time is."""
        return now >= self._end

    def result(self) -> Result:
        """The counts, up to the last answer."""
        ordered = sorted(self._latencies)
        if not ordered:
            raise RuntimeError("no answer came in time")
        told = tuple(ordered[min(len(ordered) - 1, len(ordered) * each // 100)] * 1000 for each in PERCENTILES)
        count = len(ordered)
        return Result(
            count, max(self._last - self._begin, 1e-9), count + self._warm, told, time.process_time() - self._cpu,
            tuple(round(each * 1000, 1) for each in ordered) if self._is_held else (),
        )  # fmt: skip


class _Connection:
    """One connection and what is outstanding on it."""

    def __init__(self, carrier: Carrier, port: int, requests: Iterator[bytes]) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=_STALL_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        carrier.open(self.socket)
        self._carrier = carrier
        self._requests = requests
        self._sent: deque[float] = deque()
        self._received = b""

    def send(self, count: int) -> None:
        """Send the next requests, as far as there are any."""
        now = time.perf_counter()
        batch = list(islice(self._requests, count))
        self._sent.extend([now] * len(batch))
        if batch:
            self.socket.sendall(b"".join(batch))

    @property
    def is_idle(self) -> bool:
        """Whether every request was answered."""
        return not self._sent

    def receive(self, tally: Tally) -> int:
        """Take what came; returns how many answers that was."""
        data = self.socket.recv(_RECEIVE)
        if not data:
            raise RuntimeError("the server closed a connection")
        buffer = self._received + data if self._received else data
        now = time.perf_counter()
        start = count = 0
        while (found := self._carrier.find(buffer, start)) is not None:
            begin, start = found
            tally.answered(buffer[begin:start], now - self._sent.popleft(), now)
            count += 1
        self._received = buffer[start:]
        return count


def run(plan: Plan) -> Result:
    """Send and count."""
    carrier = CARRIERS[plan.carrier]()
    wrapped = [carrier.wrap(message) for message in plan.read_messages()]
    requests: Iterable[bytes] = repeat(wrapped[0]) if len(wrapped) == 1 else wrapped
    source = iter(requests)
    connections = {}
    poller = select.epoll()
    for _ in range(plan.connections):
        connection = _Connection(carrier, plan.port, source)
        connections[connection.socket.fileno()] = connection
        poller.register(connection.socket, select.EPOLLIN)
    if plan.held:
        print("ready", flush=True)
        sys.stdin.readline()
    tally = Tally(plan)
    for connection in connections.values():
        connection.send(plan.outstanding)
    while not tally.is_over(time.perf_counter()):
        ready = poller.poll(_STALL_SECONDS)
        if not ready:
            raise RuntimeError("no answer for a long time")
        for descriptor, _ in ready:
            connection = connections[descriptor]
            connection.send(connection.receive(tally))
        if all(connection.is_idle for connection in connections.values()):
            break  # all messages were sent and answered
    return tally.result()


def main() -> None:
    """Carry out the plan in the arguments."""
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    if plan.carrier == "quic":
        from benchmarks.load_quic import run_quic

        result = run_quic(plan)
    else:
        result = run(plan)
    print(msgspec.json.encode(result).decode())


if __name__ == "__main__":
    main()
