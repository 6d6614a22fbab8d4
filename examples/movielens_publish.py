"""Publishing many operations through one node: pipelined, bounded, and through lost connections.

Theory of operation. So many operations are on their way at once, each submitted with ``wait: final``. While the node
makes a block the next operations are signed ahead, in short slices between the answers; libsodium takes 26 us for a
signature, which is not worth a second process or a thread (a thread would wait for Python's lock after each one).

An operation that is not answered with certainty is sent again with the very same bytes, on a new connection if the old
one broke: it takes effect once. One that expired meanwhile is signed anew; that is safe here because putting a film
only if it does not exist, and giving the same stars again, change nothing if the first one had an effect after all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from cloudnode.client.client import Client
from cloudnode.client.errors import ClientError, ConnectionFailed, RemoteError
from cloudnode.client.messages import Answer
from cloudnode.client.retrying import Backoff, is_transient
from cloudnode.client.writer import TEMPORARY, SignedOperation, Submitted

T = TypeVar("T")

AHEAD = 2_000
"""Operations signed before they can be sent: a block's worth."""

SLICE = 50
"""Signatures in one turn: some 2 ms."""


class PublishFailed(Exception):
    """An operation was refused for good; the message says which and why."""


class Publisher(Generic[T]):
    """Publishes items, until all are final.

    :param connect: Makes a connection. :param sign: Makes the operation of an item.
    :param connections: How many are used at once. :param window: Operations on their way on each.
    :param settled: Results that are as good as ``ok``.
    :param on_final: Called with each item that is final, and what the node told of it.
    :param on_trouble: Told of each failure that is overcome.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Client]],
        clock: IReactorTime,
        sign: Callable[[T], SignedOperation],
        *,
        connections: int,
        window: int,
        settled: frozenset[str] = frozenset(),
        on_final: Callable[[T, Submitted], object] = lambda item, told: None,
        on_trouble: Callable[[ClientError], object] = lambda error: None,
    ) -> None:
        self.connect = connect
        self.clock = clock
        self.window = window
        self.settled = settled | {"ok"}
        self.on_final = on_final
        self.on_trouble = on_trouble
        self._sign = sign
        self._connections = connections
        self._items: deque[T] = deque()
        self._ready: deque[tuple[T, SignedOperation]] = deque()
        self._turn: IDelayedCall | None = None

    async def publish(self, items: Iterable[T]) -> None:
        """Publish items; returns when all are final.

        :raises PublishFailed: One was refused for good. :raises ClientError: The first connection can't be made, or
            the node answers with an error that trying again does not help.
        """
        self._items.extend(items)
        lines = [Deferred.fromCoroutine(_Line(self).run()) for _ in range(self._connections)]
        try:
            await gatherResults(lines, consumeErrors=True)
        except FirstError as error:
            error.subFailure.raiseException()
        finally:
            for line in lines:
                line.cancel()
            if self._turn is not None:
                self._turn.cancel()
                self._turn = None

    # For the lines

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to be sent."""
        return not self._items and not self._ready

    def take(self) -> tuple[T, SignedOperation]:
        """The next operation; what is not signed yet is signed now."""
        if not self._ready:
            self._sign_next()
        return self._ready.popleft()

    def give_back(self, item: T, operation: SignedOperation | None) -> None:
        """To be sent again, or without an operation to be signed again."""
        if operation is None:
            self._items.appendleft(item)
        else:
            self._ready.appendleft((item, operation))

    def sign_ahead(self) -> None:
        """Sign what comes next, while the node has its turn."""
        if self._turn is None and self._items and len(self._ready) < AHEAD:
            self._turn = self.clock.callLater(0, self._sign_some)

    def _sign_next(self) -> None:
        item = self._items.popleft()
        self._ready.append((item, self._sign(item)))

    def _sign_some(self) -> None:
        self._turn = None
        for _ in range(min(SLICE, len(self._items))):
            self._sign_next()
        self.sign_ahead()


class _Line(Generic[T]):
    """One connection's share, and the connections that replace it."""

    def __init__(self, publisher: Publisher[T]) -> None:
        self._publisher = publisher
        self._backoff = Backoff(publisher.clock)
        self._client: Client | None = None
        self._under_way = 0
        self._held_back = 0
        self._ended: Deferred[None] = Deferred()
        self._failure: Exception | None = None

    async def run(self) -> None:
        """Send until nothing is left; raises as :meth:`Publisher.publish`."""
        has_worked = False
        while not self._publisher.is_empty:
            try:
                self._client = await self._publisher.connect()
                has_worked = True
                await self._run()
            except ClientError as error:
                if not has_worked or not is_transient(error):
                    raise
                self._publisher.on_trouble(error)
                await self._backoff.pause()
            finally:
                client, self._client = self._client, None
                if client is not None:
                    await client.close()

    async def _run(self) -> None:
        """Send until all is final or the connection is lost, which gives back what was unanswered."""
        self._ended = Deferred()
        self._failure = None
        self._fill()
        await self._ended
        if self._failure is not None:
            raise self._failure

    def _fill(self) -> None:
        """Send as much as the window allows."""
        client, publisher = self._client, self._publisher
        while client is not None and self._failure is None:
            if publisher.is_empty or self._under_way >= publisher.window:
                break
            item, operation = publisher.take()
            self._under_way += 1
            submitted = client.submit(operation.body, operation.signature, "final")
            submitted.addCallbacks(
                self._answered, self._failed, callbackArgs=(item, operation), errbackArgs=(item, operation)
            )
        publisher.sign_ahead()
        self._end_if_idle()

    def _answered(self, answer: Answer, item: T, operation: SignedOperation) -> None:
        self._under_way -= 1
        told = answer.decode(Submitted)
        if told.result in self._publisher.settled:
            self._backoff.reset()
            self._publisher.on_final(item, told)
        else:
            self._fail(PublishFailed(f"{item}: the network's rules say {told.result}."))
        self._fill()

    def _failed(self, failure: Failure, item: T, operation: SignedOperation) -> None:
        self._under_way -= 1
        error = failure.value
        if isinstance(error, RemoteError) and error.name == "operation_expired":
            self._publisher.give_back(item, None)
        elif isinstance(error, RemoteError) and error.name in TEMPORARY:
            self._publisher.give_back(item, operation)
            if error.name != "not_final_yet":
                self._hold_back()
        elif isinstance(error, ClientError) and is_transient(error):
            self._publisher.give_back(item, operation)
            self._fail(error)
        elif isinstance(error, RemoteError):
            self._fail(PublishFailed(f"{item}: {error}"))
        else:
            self._fail(error if isinstance(error, Exception) else ConnectionFailed(str(error)))
        self._fill()

    def _hold_back(self) -> None:
        """The node is busy: do with a place less for a while."""
        self._under_way += 1
        self._held_back += 1
        self._publisher.clock.callLater(0.25, self._go_on)

    def _go_on(self) -> None:
        self._under_way -= 1
        self._held_back -= 1
        self._fill()

    def _fail(self, error: Exception) -> None:
        if self._failure is None:
            self._failure = error
            if self._client is not None:
                self._client.close()  # fails what is under way, which is given back

    def _end_if_idle(self) -> None:
        is_idle = self._under_way == self._held_back
        is_over = self._failure is not None or (self._publisher.is_empty and not self._under_way)
        if is_idle and is_over and not self._ended.called:
            self._ended.callback(None)
