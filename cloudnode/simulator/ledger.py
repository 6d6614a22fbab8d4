"""A toy ledger: operations are ids (and their signatures follow from them), the state is a hash over all that were
ordered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

from cloudnode.consensus.chain import tip_of
from cloudnode.consensus.messages import Block
from cloudnode.consensus.seams import Draft, Start, Tip, Verdict
from cloudnode.formats.block import Certificate, signatures_hash

BLOCK_MOST = 8
GENESIS_ROOT = sha256(b"a toy ledger").digest()


class Changes:
    """Which operations change the validators: known to all, as their bodies would say."""

    def __init__(self) -> None:
        self._sets: dict[bytes, tuple[int, tuple[bytes, ...]]] = {}

    def add(self, operation: bytes, epoch: int, validators: tuple[bytes, ...]) -> None:
        """This operation, in this epoch, appoints these validators."""
        self._sets[operation] = (epoch, validators)

    def fits(self, operation: bytes, epoch: int) -> bool:
        """Whether the operation may stand in a block of this epoch."""
        return operation not in self._sets or self._sets[operation][0] == epoch

    def appointed(self, operation: bytes) -> tuple[bytes, ...]:
        """The validators that an operation appoints, none if it does something else."""
        return self._sets[operation][1] if operation in self._sets else ()


def signed(operations: Sequence[bytes]) -> bytes:
    """The hash of the signatures, which are two hashes of the operation each."""
    return signatures_hash(sha256(operation).digest() * 2 for operation in operations)


class Ledger:
    """What survives a crash up to ``durable``, and the application that consensus asks.

    :ivar blocks: The final blocks, height 1 first. :ivar roots: The state root by height.
    :ivar durable: Height up to which all of it is on disk.
    """

    def __init__(
        self,
        network: bytes,
        validators: tuple[bytes, ...],
        changes: Changes,
        wall: Callable[[], int],
        fetch: Callable[[Block, tuple[bytes, ...]], None],
    ) -> None:
        """:param wall: Milliseconds. :param fetch: Called with a block and the operations of it that aren't held."""
        self.network = network
        self.blocks: list[Block] = []
        self.roots = [GENESIS_ROOT]
        self.certificates: dict[int, Certificate] = {}
        self.durable = 0
        self._validators = validators
        self._changes = changes
        self._wall = wall
        self._fetch = fetch
        self._bodies: set[bytes] = set()
        self._held: dict[bytes, None] = {}  # those that wait, in order
        self._ordered: set[bytes] = set()
        self._heights: dict[bytes, int] = {}
        self._discarded: dict[bytes, Block] = {}
        self._ends: dict[int, int] = {}

    # What the host does.

    def hold(self, operation: bytes) -> bool:
        """An operation's body has come; False if it need not be ordered any more, or was here already."""
        if operation in self._bodies:
            return False
        self._bodies.add(operation)
        if operation in self._ordered:
            return False
        self._held[operation] = None
        return True

    def holds(self, operation: bytes) -> bool:
        """Whether the operation's body is here, ordered or not."""
        return operation in self._bodies

    def append(self, blocks: Sequence[Block], certificate: Certificate, discarded: Sequence[Block]) -> None:
        """These blocks are final."""
        for block in blocks:
            self.blocks.append(block)
            self.roots.append(sha256(self.roots[-1] + block.header.operations_hash).digest())
            self._heights[block.hash] = block.header.height
            self._ordered.update(block.ids)
            for operation in block.ids:
                self._held.pop(operation, None)
        self.certificates[len(self.blocks)] = certificate
        self._discarded.update({block.hash: block for block in discarded})
        if self.blocks[-1].header.ends_epoch:
            self._ends[certificate.epoch] = len(self.blocks)

    def lose(self) -> None:
        """A crash: what was not on disk is gone, but for the bodies, which were."""
        for block in self.blocks[self.durable :]:
            del self._heights[block.hash]
            self._ordered.difference_update(block.ids)
            self._held.update(dict.fromkeys(operation for operation in block.ids if operation in self._bodies))
        del self.blocks[self.durable :]
        del self.roots[self.durable + 1 :]
        for height in [height for height in self.certificates if height > self.durable]:
            del self.certificates[height]

    def put_back(self, blocks: int) -> None:
        """While the node is down its store is replaced by one from before the newest durable blocks.

        One block at least stays: a node without any certificate has nothing by which its peers could see that it is
        behind, and begins with replay.
        """
        before = [height for height in self.certificates if height <= self.durable - blocks]
        self.durable = max(before, default=min(self.certificates, default=self.durable))
        self.lose()

    def resume(self) -> Start:
        """From where consensus goes on after a start."""
        epoch, validators = 0, self._validators
        carrying = 0
        for block in self.blocks[: self.durable]:
            carrying = block.header.height if block.ids else carrying
            if block.header.ends_epoch:
                epoch, validators = block.header.epoch + 1, block.validators
        if self.durable == 0:
            final = Tip(self.network, 0, -1, 0, 0, GENESIS_ROOT, 0)
            return Start(0, validators, final)
        tip = tip_of(self.blocks[self.durable - 1])
        view = tip.view if self.blocks[self.durable - 1].header.epoch == epoch else -1
        final = Tip(tip.hash, tip.height, view, tip.time, tip.root_height, tip.root, carrying)
        return Start(epoch, validators, final, self.certificates.get(self.durable))

    # What consensus asks.

    def draft(self, height: int, epoch: int, ancestors: Sequence[Block], empty: bool) -> Draft:
        """The oldest operations that wait."""
        waiting = () if empty else self._waiting(epoch, ancestors)[:BLOCK_MOST]
        changes = [operation for operation in waiting if self._changes.appointed(operation)]
        if changes:  # which stands alone
            return Draft((changes[0],), self._wall(), signed(changes[:1]), self._changes.appointed(changes[0]))
        return Draft(waiting, self._wall(), signed(waiting))

    def has_work(self, epoch: int, ancestors: Sequence[Block]) -> bool:
        """Whether any wait."""
        return bool(self._waiting(epoch, ancestors))

    def _waiting(self, epoch: int, ancestors: Sequence[Block]) -> tuple[bytes, ...]:
        taken = {operation for block in ancestors for operation in block.ids}
        return tuple(
            operation
            for operation in self._held
            if operation not in taken and self._changes.fits(operation, epoch)
        )

    def check(self, block: Block, ancestors: Sequence[Block]) -> Verdict:
        """Each operation once, and every one held."""
        taken = {operation for ancestor in ancestors for operation in ancestor.ids}
        if len(set(block.ids)) != len(block.ids) or len(block.ids) > BLOCK_MOST:
            return Verdict.INVALID
        appointed = [self._changes.appointed(operation) for operation in block.ids]
        expected = appointed[0] if len(appointed) == 1 else ()
        if block.validators != expected or (any(appointed) and not expected):
            return Verdict.INVALID
        if block.header.signatures_hash != signed(block.ids):
            return Verdict.INVALID
        for operation in block.ids:
            if operation in taken or operation in self._ordered:
                return Verdict.INVALID
            if not self._changes.fits(operation, block.header.epoch):
                return Verdict.INVALID
        missing = tuple(operation for operation in block.ids if operation not in self._held)
        if missing:
            self._fetch(block, missing)
            return Verdict.WAITING
        return Verdict.VALID

    def root(self, height: int) -> bytes | None:
        """The hash over everything up to this height, once that is executed."""
        return self.roots[height] if height <= self.durable else None

    def find_block(self, block_hash: bytes) -> Block | None:
        """A final block, or a discarded one."""
        height = self._heights.get(block_hash)
        return self._discarded.get(block_hash) if height is None else self.blocks[height - 1]

    def epoch_end(self, epoch: int) -> Certificate | None:
        """The certificate that ended an epoch."""
        return self.certificates.get(self._ends.get(epoch, -1))
