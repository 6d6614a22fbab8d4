"""The ledger without a node around it: what the path of an operation costs, step by step, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from benchmarks.operations import Validator, make_key
from cloudnode.formats.genesis import Genesis, build_genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import decode_operation, signatures_valid
from cloudnode.store.sqlite import SqliteStore

BLOCK = 1_000


@attrs.define
class Steps:
    """Seconds for so many operations.

    :ivar decode: Decoding and checking the form. :ivar verify: Verifying signatures, in one thread.
    :ivar write: Executing and committing blocks, indexes and trie and all.
    """

    count: int = 0
    decode: float = 0.0
    verify: float = 0.0
    write: float = 0.0

    @property
    def rate(self) -> float:
        """Operations a second, one step after the other."""
        return self.count / (self.decode + self.verify + self.write)


def open_ledger(path: Path) -> tuple[SqliteStore, Genesis, SigningKey]:
    """A new ledger with a network of one."""
    key = make_key(0)
    genesis = build_genesis(name="benchmark", time=1_790_000_000_000, validators=[key.public])
    return SqliteStore.open(str(path), genesis), genesis, key


def run_steps(
    validator: Validator,
    genesis: Genesis,
    signed: Sequence[tuple[bytes, bytes]],
    block: int = BLOCK,
    clock: Callable[[], float] = time.perf_counter,
) -> Steps:
    """Take operations all the way.

    :param signed: Bodies and signatures. :param block: How many go into a block. :param clock: Tells the seconds.
    :raises RuntimeError: An operation is refused.
    """
    steps = Steps()
    for start in range(0, len(signed), block):
        batch = signed[start : start + block]
        began = clock()
        operations = [decode_operation(body, signature, genesis) for body, signature in batch]
        decoded = clock()
        valid = all(signatures_valid(operations))
        verified = clock()
        if not valid or any(validator.write(operations)):
            raise RuntimeError("an operation is refused")
        steps.count += len(batch)
        steps.decode += decoded - began
        steps.verify += verified - decoded
        steps.write += clock() - verified
    return steps
