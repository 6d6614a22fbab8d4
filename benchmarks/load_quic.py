"""Load over WebSocket on HTTP/3, by the node's own client: :mod:`benchmarks.load` for UDP.

A QUIC client in Python costs about what the server costs, so that the generator is as busy as the server: the
processor time that the server takes for a request tells more here than the rate.
"""

from __future__ import annotations

import time
from collections import deque
from itertools import repeat
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.task import react

from benchmarks.load import Plan, Result, Tally
from benchmarks.processes import HOST
from cloudnode.transports.quic.client import WebSocketClient, connect_websocket
from cloudnode.transports.quic.connecting import AnyCertificate


class _Conversation:
    """One connection and what is outstanding on it."""

    def __init__(self, client: WebSocketClient, messages: Any, tally: Tally, over: Deferred[None]) -> None:
        self._client = client
        self._messages = messages
        self._tally = tally
        self._over = over
        self._sent: deque[float] = deque()
        client.on_message = self._received
        client.on_close = lambda code, reason: self._fail(f"closed with {code} {reason}")

    def send(self) -> None:
        """Send the next message, if there is one."""
        message = next(self._messages, None)
        if message is not None:
            self._sent.append(time.perf_counter())
            self._client.send_message(message)

    def _received(self, payload: bytes) -> None:
        if self._over.called:
            return
        now = time.perf_counter()
        try:
            self._tally.answered(payload, now - self._sent.popleft(), now)
        except RuntimeError as error:
            self._fail(str(error))
        if self._tally.is_over(now):
            self._over.callback(None)
        else:
            self.send()

    def _fail(self, text: str) -> None:
        if not self._over.called:
            self._over.errback(RuntimeError(text))


def run_quic(plan: Plan) -> Result:
    """Send and count."""
    results: list[Result] = []

    async def work(reactor: Any) -> None:
        connecting = [
            ensureDeferred(connect_websocket(reactor, HOST, plan.port, trust=AnyCertificate()))
            for _ in range(plan.connections)
        ]
        clients = await gatherResults(connecting)
        messages = plan.read_messages()
        source = repeat(messages[0]) if len(messages) == 1 else iter(messages)
        tally = Tally(plan)
        over: Deferred[None] = Deferred()
        conversations = [_Conversation(client, source, tally, over) for client in clients]
        for conversation in conversations:
            for _ in range(plan.outstanding):
                conversation.send()
        try:
            await over
            results.append(tally.result())
        finally:
            await gatherResults([client.close() for client in clients])

    try:
        react(lambda reactor: ensureDeferred(work(reactor)))
    except SystemExit:
        if not results:
            raise
    return results[0]
