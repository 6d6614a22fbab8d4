"""Writing: an operation is sent to as many nodes as it takes, and believed to be final when it is proven."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferTimeoutError

from cloudnode.client.client import Client
from cloudnode.client.cloud.censorship import ANSWER_SECONDS, Censorship, Promises, prove_operation
from cloudnode.client.cloud.checking import check_receipt
from cloudnode.client.cloud.directory import Place
from cloudnode.client.cloud.errors import not_shown
from cloudnode.client.cloud.nodes import Nodes
from cloudnode.client.cloud.policy import Policy
from cloudnode.client.cloud.questions import Questions
from cloudnode.client.cloud.session import Session
from cloudnode.client.errors import ConnectionFailed, RemoteError, TimedOut
from cloudnode.client.places import LogPlace
from cloudnode.client.writer import SignedOperation, Submitted, check_result
from cloudnode.formats.errors import LedgerError, result_code
from cloudnode.formats.nodes import WindowValue

SHOW_SECONDS = 5.0
"""Seconds that a node may take to show the block which it says that an operation stands in."""

HEDGE = 3.0
"""Seconds, and the least, after which an operation that is not final is sent to a second node as well."""


class Writing:
    """Sends operations for a session."""

    def __init__(
        self,
        questions: Questions,
        nodes: Nodes,
        policy: Policy,
        session: Session,
        clock: Any,
        on_censorship: Callable[[Censorship], object],
    ) -> None:
        """:param on_censorship: Told of each operation that a node took and that is not in the log."""
        self._promises = Promises(questions, nodes, self._send_at, on_censorship, clock)
        self._questions = questions
        self._nodes = nodes
        self._policy = policy
        self._session = session
        self._clock = clock

    def close(self) -> None:
        """Hold no node to its promises any more."""
        self._promises.close()

    async def submit(self, operation: SignedOperation, wait: Literal["accepted", "final"], seconds: float) -> Submitted:
        """As :meth:`cloudnode.client.cloud.cloud.Cloud.submit`."""
        deadline = self._clock.seconds() + seconds
        while True:
            (submitted, client), place = await self._questions.ask(
                partial(self._submit_at, operation, wait, deadline), deadline, hedges=True, least_hedge=HEDGE
            )
            if submitted.cursor is None:
                return submitted
            if self._policy.proves:
                proven = await self._prove(operation, submitted, place, client, deadline)
                if proven is None:
                    continue
                submitted = proven
            assert submitted.cursor is not None
            self._session.saw(submitted.cursor.height)
            check_result(submitted)
            return submitted

    async def _submit_at(
        self, operation: SignedOperation, wait: Literal["accepted", "final"], deadline: float, place: Place
    ) -> tuple[Submitted, Client]:
        client = await self._nodes.connect(place)
        left = max(0.05, deadline - self._clock.seconds())
        try:
            # One that lags refuses an operation made at another's height at once, which is better than waiting for it.
            least = 0 if place.is_stale else operation.least_height
            answer = await client.submit(operation.body, operation.signature, wait, least_height=least, timeout=left)
        except (ConnectionFailed, TimedOut) as error:
            self._nodes.failed(place, error)
            raise
        submitted = answer.decode(Submitted)
        if submitted.id != operation.id.hex() or (wait == "final" and submitted.cursor is None):
            raise not_shown(place.url, RemoteError(0, "", "It answered for another operation."))
        checker = self._nodes.checker
        if checker is not None and submitted.cursor is None:
            try:
                receipt, signature = check_receipt(
                    checker.genesis.network, operation.id, operation.expiry, submitted.receipt
                )
            except LedgerError as lie:
                height = self._nodes.newest
                raise self._nodes.accuse(place, client, lie, "submit", {}, height) from lie
            self._promises.keep(operation, receipt, signature, place)
        if submitted.cursor is not None:
            await self._check_height(operation, submitted.cursor.height, place, client)
        return submitted, client

    async def _check_height(self, operation: SignedOperation, height: int, place: Place, client: Client) -> None:
        """See that a node can show the block in which it says that an operation is: no other one is asked for a proof
        at a height that may not exist.

        :raises ClientError: It lied, or does not show it in time.
        """
        if not operation.least_height < height <= operation.expiry:
            lie = LedgerError("proof_height", f"The operation can't be in block {height}.")
            raise self._nodes.accuse(place, client, lie, "submit", {}, self._nodes.newest)
        checker = self._nodes.checker
        if checker is None or checker.find_final(height) is not None:
            return
        show = partial(checker.learn_final, height=height, waits=True)
        showing = Deferred.fromCoroutine(
            self._questions.work_at(place, show, "getblock", {"height": height}, self._nodes.newest)
        )
        try:
            await showing.addTimeout(SHOW_SECONDS, self._clock)
        except DeferTimeoutError:
            error = TimedOut(f"{place.url} does not show block {height}, where it says that the operation is.")
            self._nodes.failed(place, error)
            raise error from None

    async def _send_at(self, operation: SignedOperation, place: Place) -> None:
        """Have a place promise to pass an operation on, which another has not done."""
        await self._submit_at(operation, "accepted", self._clock.seconds() + ANSWER_SECONDS, place)

    async def _prove(
        self, operation: SignedOperation, told: Submitted, place: Place, client: Client, deadline: float
    ) -> Submitted | None:
        """What is proven of an operation that a node says to be final; None if the node lied.

        The proof may come from any node; a node that has it in a block can prove it a block later.

        :param client: Where the node answered; it may be gone.
        """
        cursor = told.cursor
        assert cursor is not None
        found = await self._find(operation, cursor.height, deadline)
        self._promises.fulfilled(operation.id)
        if (
            found is not None
            and (found.height, found.index) == (cursor.height, cursor.index)
            and result_code(found.result) == told.result
        ):
            return told
        lie = LedgerError("proof_row_wrong", "The operation is not where the node says, or has another result.")
        self._nodes.accuse(place, client, lie, "submit", {}, cursor.height)
        if found is None:
            return None
        return Submitted(told.id, None, LogPlace(found.height, found.index), result_code(found.result))

    async def _find(self, operation: SignedOperation, height: int, deadline: float) -> WindowValue | None:
        proof = await prove_operation(self._questions, self._nodes, operation, height, deadline)
        return proof.value
