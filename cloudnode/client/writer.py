"""Operations made and signed here, for one key.

An operation is valid in blocks of the heights from ``from`` to ``expiry``. A writer takes the newest height that any
answer told as ``from``, since a height never goes back, and the farthest expiry that genesis allows: within those
heights the same bytes may be sent any number of times, to any node, and take effect once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import attrs
from msgspec import Struct

from cloudnode.client.client import Client
from cloudnode.client.errors import AnswerMalformed, Rejected, RemoteError, TimedOut
from cloudnode.client.places import LogPlace
from cloudnode.formats.errors import LedgerError, sentence
from cloudnode.formats.genesis import Genesis, decode_genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import (
    Appoint,
    Envelope,
    build_appoint,
    build_delete,
    build_invite,
    build_put,
    build_rate,
    build_withdraw,
    sign_operation,
)


class Submitted(Struct, frozen=True, gc=False):
    """The answer to ``submit``; ``cursor`` and ``result`` once it is final."""

    id: str
    receipt: dict[str, Any] | None = None
    cursor: LogPlace | None = None
    result: str | None = None


@attrs.frozen
class SignedOperation:
    """An operation as it is sent.

    :ivar id: SHA-256 of the body. :ivar expiry: The last height at which it is valid.
    :ivar least_height: A node that is not at this height yet would refuse it as one of the future, for it was made at
        the height of another one.
    """

    id: bytes
    body: bytes
    signature: bytes
    expiry: int
    least_height: int = 0


class _GenesisAnswer(Struct, frozen=True):
    network: str
    genesis: str


async def fetch_genesis(client: Client) -> Genesis:
    """Ask a node for its network's genesis, and check that it is the one whose id it tells.

    :raises AnswerMalformed: It is not.
    """
    answer = (await client.call("getgenesis")).decode(_GenesisAnswer)
    try:
        genesis = decode_genesis(answer.genesis.encode())
    except LedgerError as error:
        raise AnswerMalformed(f"The node's genesis can't be read: {error.message}") from error
    if genesis.network_hex != answer.network:
        raise AnswerMalformed("The node's genesis is not that of the network that it names.")
    return genesis


class Writer:
    """Makes operations for one key on one network.

    :ivar account: The key's account, 32 bytes.
    """

    def __init__(
        self,
        genesis: Genesis,
        key: SigningKey,
        height: Callable[[], int],
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        :param height: Tells the newest height known. :param now: Unix seconds, for operations without a time.
        """
        self.account = key.public
        self._key = key
        self._network = genesis.network
        self._window = genesis.parameters.window
        self._height = height
        self._now = now

    @classmethod
    async def open(cls, client: Client, key: SigningKey, now: Callable[[], float] = time.time) -> Writer:
        """A writer that learns network and heights from a node."""
        genesis = await fetch_genesis(client)
        if not client.newest_height:
            await client.call("getdatahash")  # whose context tells the height, if nothing has yet
        return cls(genesis, key, lambda: client.newest_height, now)

    def put(
        self,
        collection: str,
        key: str,
        data: Any,
        *,
        ref: str | None = None,
        if_version: int | None = None,
        time_ms: int | None = None,
    ) -> SignedOperation:
        """Write a record.

        :param data: A JSON value, or bytes with its JSON text, kept as they are.
        :param if_version: The version that the record must have; 0 if it must not exist.
        :raises LocalError: The ledger's rules would refuse its form.
        """
        envelope = self._envelope(time_ms)
        return self._sign(envelope, build_put(envelope, collection, key, data, ref=ref, if_version=if_version))

    def delete(
        self, collection: str, key: str, *, if_version: int | None = None, time_ms: int | None = None
    ) -> SignedOperation:
        """Delete a record."""
        envelope = self._envelope(time_ms)
        return self._sign(envelope, build_delete(envelope, collection, key, if_version=if_version))

    def rate(self, record: str, stars: int, *, time_ms: int | None = None) -> SignedOperation:
        """Rate the record at an address with 1 to 5 stars."""
        envelope = self._envelope(time_ms)
        return self._sign(envelope, build_rate(envelope, record, stars))

    def withdraw(self, record: str, *, time_ms: int | None = None) -> SignedOperation:
        """Take a rating back."""
        envelope = self._envelope(time_ms)
        return self._sign(envelope, build_withdraw(envelope, record))

    def invite(self, invited: bytes, *, time_ms: int | None = None) -> SignedOperation:
        """Make another account a member, where genesis admits invited ones."""
        envelope = self._envelope(time_ms)
        return self._sign(envelope, build_invite(envelope, invited))

    def appoint(self, appoint: Appoint, *, time_ms: int | None = None) -> SignedOperation:
        """Send what makes other keys the validators, with the approvals of the present ones."""
        envelope = self._envelope(time_ms)
        return self._sign(envelope, build_appoint(envelope, appoint))

    def _envelope(self, time_ms: int | None) -> Envelope:
        height = self._height()
        time_ms = int(self._now() * 1000) if time_ms is None else time_ms
        return Envelope(self._network, self.account, time_ms, height, height + self._window)

    def _sign(self, envelope: Envelope, body: bytes) -> SignedOperation:
        return SignedOperation(
            sha256(body).digest(), body, sign_operation(self._key, body), envelope.expiry,
            max(envelope.valid_from - 1, 0),
        )  # fmt: skip


TEMPORARY = frozenset(
    {
        "node_starting",
        "node_syncing",
        "not_final_yet",
        "operation_future",  # signed at a height that another node told and this one has not reached
        "height_not_reached",  # the same, and it has waited
        "pool_full",
        "too_many_outstanding",
        "too_many_requests",
    }
)
"""Errors after which the same operation should be sent again."""

_RETRY_SECONDS = 0.5


async def submit_final(client: Client, operation: SignedOperation, clock: Any, timeout: float) -> Submitted:
    """Submit an operation and wait until it is final, sending it again as long as the node is only busy.

    :param clock: ``IReactorTime``. :param timeout: Seconds.
    :raises Rejected: It was ordered and has no effect. :raises RemoteError: It was not taken.
    :raises TimedOut: It may still become final before its expiry.
    """
    deadline = clock.seconds() + timeout
    while True:
        left = max(0.1, deadline - clock.seconds())
        try:
            answer = await client.submit(
                operation.body, operation.signature, "final", least_height=operation.least_height, timeout=left
            )
        except RemoteError as error:
            if error.name not in TEMPORARY:
                raise
            if clock.seconds() + _RETRY_SECONDS >= deadline:
                raise TimedOut(f"Operation {operation.id.hex()} is not final yet: {error.message}") from error
            await _pause(clock, 0 if error.name == "not_final_yet" else _RETRY_SECONDS)
            continue
        submitted = answer.decode(Submitted)
        check_result(submitted)
        return submitted


def check_result(submitted: Submitted) -> None:
    """:raises Rejected: The operation is final and its result is not ``ok``."""
    if submitted.result not in (None, "ok"):
        try:
            message = sentence(submitted.result)
        except ValueError:
            message = "The network's rules rejected the operation."
        raise Rejected(submitted.result, message)


async def _pause(clock: Any, seconds: float) -> None:
    from twisted.internet.task import deferLater

    await deferLater(clock, seconds)
