"""Operations made in bulk, and blocks of them written to a store as the lone validator would."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeVar

from cloudnode.formats.block import FINALIZE, Certificate, Header, operations_hash, sign_vote, signatures_hash
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import Envelope, Operation, build_put
from cloudnode.ledger.reading import Block
from cloudnode.store.sqlite import SqliteStore

T = TypeVar("T")

TIME = 1_790_000_000_000
DATA_BYTES = 300

_TEXT = b'{"title":"%s","text":"%s"}'


def make_key(number: int) -> SigningKey:
    """A key that is the same in every run."""
    return SigningKey(b"benchmark".ljust(24, b".") + number.to_bytes(8, "big"))


def make_put(envelope: Envelope, collection: str, number: int) -> bytes:
    """The body of a ``put`` of :data:`DATA_BYTES` bytes of data, another record for each number."""
    title = b"Record %d" % number
    data = _TEXT % (title, b"lorem ipsum " * 30)
    return build_put(envelope, collection, f"r{number}", data[: DATA_BYTES - 2] + b'"}')


class Validator:
    """Makes final blocks on a store."""

    def __init__(self, store: SqliteStore, genesis: Genesis, key: SigningKey) -> None:
        self.store = store
        self._genesis = genesis
        self._key = key

    def write(self, operations: Sequence[Operation]) -> list[int]:
        """Execute and store the next block; returns the operations' results."""
        results = _finish(self.store.write_in_steps([(self._block(operations), operations)]))[1]
        if self.store.wants_checkpoint():
            self.store.checkpoint()
        return results

    def _block(self, operations: Sequence[Operation]) -> Block:
        head, before = self.store.head, self.store.header
        ids = tuple(operation.id for operation in operations)
        header = Header(
            network=self._genesis.network,
            epoch=0,
            view=0 if before is None else before.view + 1,
            height=head.height + 1,
            time=head.time + 1,
            parent=head.hash,
            operations_hash=operations_hash(ids),
            operations_count=len(ids),
            root_height=head.height,
            root=head.root,
            signatures_hash=signatures_hash(operation.signature for operation in operations),
        )
        signature = sign_vote(self._key, header.network, FINALIZE, header.epoch, header.view, header.hash)
        certificate = Certificate(FINALIZE, header.epoch, header.view, header.hash, ((0, signature),))
        return Block(header.height, header.hash, header.encode(), Finality(certificate).encode(), ids)


def _finish(steps: Generator[None, None, T]) -> T:
    """Take all steps at once."""
    try:
        while True:
            next(steps)
    except StopIteration as done:
        result: T = done.value
        return result
