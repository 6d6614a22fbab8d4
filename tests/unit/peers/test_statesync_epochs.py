"""State sync over changes of the validators: who joins believes the genesis alone, and those who have the state may
have no log of the epochs in which the validators changed."""

from __future__ import annotations

import shutil
from typing import Any

from cloudnode.formats.checkpoint import Checkpoint
from cloudnode.node.ledger import LedgerConfig
from tests.unit.peers.network import MemoryNode
from tests.unit.peers.test_epochs import AUTHOR, SETS, Case, NoQuorum, OtherValidators
from tests.unit.peers.test_statesync import state_rows
from tests.unit.peers.test_validators import ValidatorCase

SECONDS = 8


def epoch_ends(node: MemoryNode) -> list[Any]:
    """How the epochs ended, as far as all must tell the same."""
    return [(end.number, end.last_height, end.hash, end.header, end.validators) for end in node.store.epochs()]


class JoiningTests(Case):
    """A network that went through four sets of validators, and is now at rest."""

    def change(self, first: int, last: int) -> None:
        """Have the validators changed to some of :data:`~tests.unit.peers.test_epochs.SETS`, with records in each
        epoch."""
        made = self.made
        for number in range(first, last):
            made.block(*(made.put(AUTHOR, "film", f"{number}-{name}") for name in "abc"))
            made.block(made.appoint(*SETS[number]))
            made.block(made.put(AUTHOR, "film", f"after {number}"))
            made.block()

    def check_joined(self, node: MemoryNode, source: MemoryNode, *, has_log: bool = False) -> None:
        self.assertEqual((node.ledger.state, node.ledger.head), ("serving", source.ledger.head))
        self.assertEqual(state_rows(node), state_rows(source))
        self.assertEqual(node.ledger.epoch, source.ledger.epoch)
        self.assertEqual(epoch_ends(node), epoch_ends(source))
        self.assertEqual(node.store.lowest_block == 1, has_log)
        self.assertEqual(node.neighbourhood.counters().banned, 0)

    def test_from_genesis(self) -> None:
        """Whoever knows the genesis alone has the state of the fifth set of validators, and all sets in between."""
        self.change(0, 4)
        source = self.source()
        node = self.network.add(source.host, sync="state")
        self.network.advance(SECONDS)
        self.check_joined(node, source)
        self.assertEqual(node.ledger.epoch.number, 4)
        self.assertEqual([end.number for end in node.store.epochs()], [0, 1, 2, 3])

    def test_from_pruned_peers(self) -> None:
        """So does one whose peers have no block of all the epochs that are over: they keep how those ended."""
        self.change(0, 4)
        source = self.source()
        pruned = self.network.add(source.host, sync="state")
        self.network.advance(SECONDS)
        source.stop()
        self.assertGreater(pruned.store.lowest_block, epoch_ends(pruned)[-1][1])
        follower = self.network.add(pruned.host, sync="replay")
        node = self.network.add(pruned.host)
        self.network.advance(SECONDS)
        self.check_joined(node, pruned)
        self.assertEqual(follower.ledger.head.height, 0)  # whose operator forbade it
        # And a third generation from the second.
        pruned.stop()
        third = self.network.add(node.host)
        self.network.advance(SECONDS)
        self.check_joined(third, node)

    def test_from_an_old_epoch(self) -> None:
        """A node that was off since the second epoch goes on from there: with the log where there is one, else with the
        state of the last epoch."""
        self.change(0, 1)
        self.made.store.close()
        olds = [self.mktemp(), self.mktemp()]
        for old in olds:
            shutil.copy(self.made.path, old)
        self.made.reopen()
        self.change(1, 4)
        source = self.source()
        replaying = self.network.add(source.host, path=olds[0])
        self.assertEqual(replaying.ledger.epoch.number, 1)
        self.network.advance(SECONDS)
        self.check_joined(replaying, source, has_log=True)
        pruned = self.network.add(source.host, sync="state")
        self.network.advance(SECONDS)
        source.stop()
        replaying.stop()
        node = self.network.add(pruned.host, path=olds[1])
        self.assertEqual((node.ledger.epoch.number, node.ledger.head.height), (1, 4))
        self.network.advance(2 * SECONDS)
        self.check_joined(node, pruned)

    def test_checkpoint_of_an_old_epoch(self) -> None:
        """The operator's checkpoint lies in the first epoch: the state of the last one is of the history that holds it,
        or none is taken."""
        self.change(0, 4)
        source = self.source()
        block = source.ledger.reading().block(2)
        assert block is not None
        for block_hash, is_so in ((block.hash, True), (bytes(32), False)):
            config = LedgerConfig(audit_interval=0, checkpoint=Checkpoint(2, block_hash))
            node = self.network.add(source.host, sync="state", config=config)
            self.network.advance(SECONDS)
            if is_so:
                self.check_joined(node, source)
            else:
                self.assertEqual((node.ledger.head.height, node.ledger.epoch.number), (0, 0))
                self.assertIn("the checkpoint says 0000", str(node.neighbourhood.catching_up.trouble))

    def test_checkpoint_that_nobody_has(self) -> None:
        """Where the checkpoint's block is pruned everywhere, no state is taken in its stead."""
        self.change(0, 4)
        source = self.source()
        block = source.ledger.reading().block(2)
        assert block is not None
        pruned = self.network.add(source.host, sync="state")
        self.network.advance(SECONDS)
        source.stop()
        config = LedgerConfig(audit_interval=0, checkpoint=Checkpoint(2, block.hash))
        node = self.network.add(pruned.host, sync="state", config=config)
        self.network.advance(SECONDS)
        self.assertEqual(node.ledger.head.height, 0)
        self.assertEqual(node.neighbourhood.counters().banned, 0)
        # As soon as somebody has it, the state is taken.
        source = self.network.restart(source)
        self.network.advance(3 * SECONDS)
        self.check_joined(node, source)

    def test_liars(self) -> None:
        """Peers that tell of other validators, or of too few of their signatures, are named; a true one is enough."""
        self.change(0, 4)
        source = self.source()
        liars = []
        for serving in (OtherValidators, NoQuorum):
            path = self.mktemp()
            shutil.copy(self.made.path, path)
            liar = self.network.add(path=path)
            liar.neighbourhood._serving = serving(liar.ledger)
            liars.append(liar)
        node = self.network.add(*(liar.host for liar in liars), sync="state")
        self.network.advance(SECONDS)
        self.assertEqual((node.ledger.head.height, node.ledger.epoch.number), (0, 0))
        bans = node.neighbourhood.book.bans.present(self.network.clock.seconds())
        self.assertEqual({whom: ban.fault for whom, ban in bans.items()},
                         dict.fromkeys((liar.key.public.hex() for liar in liars), "wrong_block"))  # fmt: skip
        node.stop()
        honest = self.network.add(*(liar.host for liar in liars), source.host, sync="state")
        self.network.advance(3 * SECONDS)
        self.assertEqual((honest.ledger.head, epoch_ends(honest)), (source.ledger.head, epoch_ends(source)))
        self.assertEqual(honest.neighbourhood.counters().banned, 2)


class LiveTests(ValidatorCase):
    """Validators that vote and change while others join."""

    def test_joins_after_changes(self) -> None:
        """A node joins by state after two changes, follows the third, and holds what the validators hold."""
        for number, validators in enumerate(((4, 3, 2, 1), (1, 3, 2, 4))):
            self.put_final(self.nodes[number], f"r{number}")
            self.appoint(by=(1, 2, 3), validators=validators)
        self.put_final(self.nodes[2], "then")
        joiner = self.network.add(self.nodes[0].host, sync="state")
        self.network.advance(SECONDS)
        self.assertGreater(joiner.store.lowest_block, 1)
        self.appoint(by=(2, 3, 4), validators=(1, 2, 3, 4))
        self.put_final(joiner, "through it")
        self.network.advance(2.5)
        self.assertEqual(state_rows(joiner), state_rows(self.nodes[0]))
        self.assertEqual(joiner.ledger.epoch.number, 3)
        self.assertEqual(epoch_ends(joiner), epoch_ends(self.nodes[0]))

    def test_appointed_before_it_came(self) -> None:
        """A validator that was appointed before it ever ran fetches the state of its own epoch, and votes: without it
        there is no quorum."""
        self.appoint(by=(1, 2, 3), validators=(4, 3, 2, 1))
        self.appoint(by=(1, 2, 4), validators=(1, 2, 3, 5))
        self.put_final(self.nodes[0], "before", seconds=6)
        fifth = self.network.add(self.nodes[1].host, sync="state")
        self.assertEqual(fifth.ledger.role, "follower")
        self.network.advance(2 * SECONDS)
        self.assertEqual((fifth.ledger.epoch.number, fifth.ledger.role), (2, "validator"))
        self.assertGreater(fifth.store.lowest_block, 1)
        self.assertTrue(fifth.ledger.validator is not None and fifth.ledger.validator.is_voting)
        self.stop(self.nodes[2])
        self.put_final(fifth, "with its vote", seconds=8)
        self.network.advance(3)
        self.assertEqual(state_rows(fifth), state_rows(self.nodes[0]))
