"""Following a network whose validators change."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.appointment import sign_approval
from cloudnode.formats.block import Header, validators_hash
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.finality import Finality
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import Appoint, Envelope, build_appoint, sign_operation
from cloudnode.peers import blockcheck
from cloudnode.peers.catchingup import SyncSetting
from cloudnode.peers.epochfile import EpochFile
from cloudnode.peers.epochs import PAUSE_SECONDS
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import Blocks, Epochs, GetBlocks, GetEpochs, Have, SentEpochEnd
from cloudnode.peers.serving import Serving
from tests.unit.peers.network import PARAMETERS, PORT, MemoryNetwork, MemoryNode
from tests.unit.store.network import TIME, SmallNetwork, make_key

SETS = [[make_key(50 + number) for number in range(size)] for size in (4, 1, 7, 2)]
AUTHOR = make_key(100)


class Case(SynchronousTestCase):
    """A node at 10.1.0.1 whose database has been through several epochs, and that makes no block."""

    def setUp(self) -> None:
        self.made = SmallNetwork(self.mktemp(), parameters=PARAMETERS)
        self.network = MemoryNetwork(self)
        self.assertEqual(self.network.genesis, self.made.genesis)

    def fill(self) -> None:
        made = self.made
        for number, keys in enumerate(SETS):
            made.block(*(made.put(AUTHOR, "film", f"{number}-{name}") for name in "abc"))
            made.block(made.appoint(*keys))
            made.block()

    def source(self) -> MemoryNode:
        self.made.store.close()
        return self.network.add(path=self.made.path)

    def check_same(self, node: MemoryNode, source: MemoryNode) -> None:
        self.assertEqual(node.ledger.head, source.ledger.head)
        self.assertEqual(node.ledger.epoch, source.ledger.epoch)
        self.assertEqual(node.rows, source.rows)


class ReplayTests(Case):
    def test_any_number_of_epochs(self) -> None:
        """A follower that knows the genesis alone replays over all changes of the validators, row for row."""
        self.fill()
        source = self.source()
        follower = self.network.add(source.host)
        self.network.advance(3)
        self.assertEqual(follower.ledger.epoch.number, 4)
        self.check_same(follower, source)
        self.assertEqual(follower.neighbourhood.counters().banned, 0)

    def test_block_by_block(self) -> None:
        """So does one that gets few blocks at a time, and one that stops between."""
        self.fill()
        source = self.source()
        source.neighbourhood._serving = OneBlock(source.ledger)
        follower = self.network.add(source.host)
        self.network.advance(5)
        self.check_same(follower, source)

    def test_knows_how_far_it_is(self) -> None:
        """Before it has any block, it knows of the newest one, through the ends of the epochs."""
        self.fill()
        source = self.source()
        source.neighbourhood._serving = NoBlocks(source.ledger)
        follower = self.network.add(source.host)
        self.network.advance(3)
        assert follower.neighbourhood.download is not None
        self.assertEqual((follower.ledger.head.height, follower.neighbourhood.download.target), (0, 12))
        self.assertEqual(follower.neighbourhood._epochs.newest, source.ledger.epoch)
        self.assertEqual(follower.neighbourhood.counters().banned, 0)

    def test_many_epochs(self) -> None:
        """More ends of epochs than one answer holds are asked for again and again."""
        for _ in range(250):
            self.made.block(self.made.appoint(SETS[0][0]))
        source = self.source()
        source.neighbourhood._serving = NoBlocks(source.ledger)
        follower = self.network.add(source.host)
        self.network.advance(2)
        assert follower.neighbourhood.download is not None
        self.assertEqual(follower.neighbourhood.download.target, 250)

    def test_live(self) -> None:
        """A change of epochs while nodes follow: through each other, without a pause."""
        self.made.store.close()
        validator = self.network.add()
        first = self.network.add(validator.host)
        second = self.network.add(first.host)
        self.network.advance(3)
        for epoch in range(3):
            validators = (validator.ledger.genesis.validators[0],)
            approval = sign_approval(self.network.validator, 0, self.network.genesis.network, epoch, validators)
            height = second.ledger.head.height
            envelope = Envelope(self.network.genesis.network, AUTHOR.public, TIME, height, height + 50)
            body = build_appoint(envelope, Appoint(epoch, validators, (approval,)))
            accepting = second.ledger.submit(body, sign_operation(AUTHOR, body))
            self.network.advance(1)
            self.successResultOf(accepting)
            second.put(f"r{epoch}")
            self.network.advance(1)
        for node in (first, second):
            self.check_same(node, validator)
        self.assertEqual(second.ledger.epoch.number, 3)
        self.assertEqual(second.neighbourhood.counters().banned, 0)
        self.assertEqual(validator.neighbourhood.counters().banned, 0)


class OtherHistoryCase(Case):
    """Another history from the same genesis: old validators' keys signed it, after they counted for nothing."""

    def forge(self, *sets: list[SigningKey]) -> MemoryNode:
        """A node that has it, with its own changes of validators."""
        forged = SmallNetwork(self.mktemp(), parameters=PARAMETERS)
        for keys in sets:
            forged.block(forged.put(AUTHOR, "film", "forged"))
            forged.block(forged.appoint(*keys))
            forged.block()
        forged.store.close()
        forger = self.network.add(path=forged.path)
        # Else it bans the node first, whose history is the wrong one to it.
        forger.neighbourhood._news.heard = lambda peer, message: None  # type: ignore[method-assign]
        return forger


class OtherHistoryTests(OtherHistoryCase):
    def check(self, forger: MemoryNode) -> None:
        """A node that knows the epochs keeps to them, today and after a restart, and bans who tells others."""
        self.fill()
        self.made.store.close()
        for _ in range(2):
            node = self.network.add(forger.host, path=self.made.path)
            head, epoch = node.ledger.head, node.ledger.epoch
            self.network.advance(3)
            self.assertEqual((node.ledger.head, node.ledger.epoch), (head, epoch))
            assert node.neighbourhood.download is not None
            self.assertEqual(node.neighbourhood.download.target, 0)
            bans = node.neighbourhood.book.bans.present(self.network.clock.seconds())
            self.assertEqual(list(bans), [forger.key.public.hex()])
            self.network.nodes.pop(node.host).stop()

    def test_of_known_epochs(self) -> None:
        """Fewer epochs than the node knows, by other validators."""
        self.check(self.forge([make_key(90)], [make_key(91)]))

    def test_of_later_epochs(self) -> None:
        """More epochs than the node knows: what follows its own is not signed by the validators of that."""
        self.check(self.forge(*[[make_key(90 + number)] for number in range(6)]))

    def test_of_two_signatures(self) -> None:
        """Where the present validators signed two histories, a node stops and says so, again after a restart."""
        self.fill()
        self.made.store.close()
        forged = SmallNetwork(self.mktemp(), parameters=PARAMETERS)
        for number, keys in enumerate(SETS):
            forged.block(*(forged.put(AUTHOR, "film", f"{number}-{name}") for name in "abc"))
            forged.block(forged.appoint(*keys))
            forged.block(forged.put(AUTHOR, "film", "instead") if number == 3 else forged.put(AUTHOR, "x", f"{number}"))
        forged.block()
        forged.store.close()
        forger = self.network.add(path=forged.path)
        for _ in range(2):
            node = self.network.add(forger.host, path=self.made.path)
            head = node.ledger.head
            self.network.advance(3)
            assert node.neighbourhood.download is not None
            self.assertIn("the validators signed two histories", str(node.neighbourhood.download.trouble))
            self.assertEqual(node.ledger.head, head)
            self.network.nodes.pop(node.host).stop()


class RememberedTests(OtherHistoryCase):
    """The same history, told to a node that has no blocks, but has verified how the epochs ended."""

    def setUp(self) -> None:
        super().setUp()
        self.fill()
        self.true = self.source()
        self.true.neighbourhood._serving = NoBlocks(self.true.ledger)

    def begin(self, sync: SyncSetting) -> MemoryNode:
        """A node that knows of the epochs, then is alone with the forger."""
        node = self.network.add(self.true.host, sync=sync)
        self.network.advance(3)
        self.assertEqual((node.ledger.head.height, node.neighbourhood._epochs.newest.number), (0, 4))
        self.true.is_up = False
        for peer in node.neighbourhood:
            peer.end(PeerFault("going_away", "alone"))
        self.forger = self.forge([make_key(90)], [make_key(91)])
        # It shows no certificate, which would be judged at once.
        news = self.forger.neighbourhood._news
        news.greet = lambda peer: peer.send(Have(6, bytes(32)))  # type: ignore[method-assign]
        return node

    def check_refused(self, node: MemoryNode) -> None:
        node.neighbourhood.book.join(self.forger.host, PORT, None)
        self.network.advance(10)
        self.assertEqual(node.ledger.head.height, 0)
        bans = node.neighbourhood.book.bans.present(self.network.clock.seconds())
        self.assertEqual({whom: ban.fault for whom, ban in bans.items()}, {self.forger.key.public.hex(): "wrong_block"})
        self.assertIn("this node verified that epoch 0 ended", str(node.neighbourhood.catching_up.trouble))

    def check_goes_on(self, node: MemoryNode) -> None:
        """When somebody has the blocks of the history that it knows, it follows."""
        self.true.neighbourhood._serving = Serving(self.true.ledger)
        self.true.is_up = True
        node.neighbourhood.book.join(self.true.host, PORT, None)
        self.network.advance(60)
        self.check_same(node, self.true)
        self.assertIsNone(node.neighbourhood.catching_up.trouble)

    def test_replay(self) -> None:
        """It executes nothing of it, says so while nobody has another one, and goes on with the one that it knows."""
        node = self.begin("replay")
        self.check_refused(node)
        self.check_goes_on(node)

    def test_restart(self) -> None:
        """So does one that was restarted since, and has heard of no epoch again."""
        node = self.network.restart(self.begin("replay"), sync="replay")
        self.assertEqual(node.neighbourhood._epochs.newest.number, 4)
        self.check_refused(node)
        self.check_goes_on(node)

    def test_database_of_another(self) -> None:
        """A database with the other history, put in the place of its own, is told of, again after a restart."""
        node = self.begin("replay")
        node.stop()
        self.forger.stop()
        Path(f"{self.forger.path}.epochs").write_bytes(Path(f"{node.path}.epochs").read_bytes())
        for _ in range(2):
            node = self.network.restart(self.forger)
            self.network.advance(2)
            self.assertIn("its database has block", str(node.neighbourhood.catching_up.trouble))

    def test_no_file(self) -> None:
        """Another network's file, or one that is damaged, is begun anew."""
        node = self.begin("replay")
        node.stop()
        path = Path(f"{node.path}.epochs")
        content = path.read_bytes()
        self.assertIsNotNone(EpochFile(path, self.network.genesis.network).load())
        self.assertIsNone(EpochFile(path, bytes(32)).load())
        renamed, negative = content.replace(b'"height"', b'"high"'), content.replace(b'"number": 3', b'"number": -1')
        for damaged in (b"", content[:-9], renamed, negative):
            path.write_bytes(damaged)
            self.assertIsNone(EpochFile(path, self.network.genesis.network).load())


class LiarTests(Case):
    def setUp(self) -> None:
        super().setUp()
        self.fill()
        self.liar = self.source()

    def faults(self, serving: type[Serving]) -> dict[str, str]:
        """What a node that joins the liar bans it for."""
        self.liar.neighbourhood._serving = serving(self.liar.ledger)
        victim = self.network.add(self.liar.host)
        self.network.advance(3)
        self.assertEqual(victim.ledger.head.height, 0)
        assert victim.neighbourhood.download is not None
        self.assertEqual(victim.neighbourhood.download.target, 0)
        bans = victim.neighbourhood.book.bans.present(self.network.clock.seconds())
        return {whom: ban.fault for whom, ban in bans.items()}

    def test_wrong_ends(self) -> None:
        """Ends of epochs with other validators, without a quorum, or of other epochs name the liar."""
        for serving in (OtherValidators, NoQuorum, LeavesOut):
            self.assertEqual(self.faults(serving), {self.liar.key.public.hex(): "wrong_block"}, serving.__name__)
            self.network.nodes.pop(next(reversed(self.network.nodes))).stop()

    def test_tells_nothing(self) -> None:
        """One that tells of an epoch and not how it came is no liar, is not believed, and not asked again at once."""
        asked: list[int] = []

        class Nothing(NoBlocks):
            def epochs(self, question: GetEpochs) -> Epochs:
                asked.append(question.first)
                return Epochs(question.request, ())

        self.assertEqual(self.faults(Nothing), {})
        self.assertEqual(asked, [0])
        self.assertGreater(PAUSE_SECONDS, 3)

    def test_broken_rules(self) -> None:
        """Where a quorum made final what the rules forbid, a follower stops and says so, and no peer is blamed."""
        made = SmallNetwork(self.mktemp(), parameters=PARAMETERS)
        put = made.put(AUTHOR, "film", "x")
        with patch("tests.unit.store.network.appointed_by", lambda _: (AUTHOR.public,)):
            made.block(put)
        made.store.close()
        source = self.network.add(path=made.path)
        follower = self.network.add(source.host)
        self.network.advance(2)
        assert follower.neighbourhood.download is not None
        self.assertIn("block_appoint", str(follower.neighbourhood.download.trouble))
        self.assertEqual(follower.ledger.head.height, 0)
        self.assertEqual(follower.neighbourhood.counters().banned, 0)

    def test_no_approval(self) -> None:
        """So does an appointment that no quorum approved, in a block that a quorum signed."""
        made = SmallNetwork(self.mktemp(), parameters=PARAMETERS)
        made.signers[made.validator.public], true = make_key(9), made.signers[made.validator.public]
        operation = made.appoint(AUTHOR)
        made.signers[made.validator.public] = true
        made.block(operation)
        made.store.close()
        source = self.network.add(path=made.path)
        follower = self.network.add(source.host)
        self.network.advance(2)
        assert follower.neighbourhood.download is not None
        self.assertIn("appoint_signature", str(follower.neighbourhood.download.trouble))

    def test_discarded_block(self) -> None:
        """A block of an epoch that is over, above its end, is none, whatever its validators signed."""
        epoch = self.liar.ledger.find_epoch(0)
        assert epoch is not None and epoch.last is not None
        block = self.liar.ledger.reading().block(epoch.last)
        assert block is not None
        sent = self.liar.neighbourhood._serving._block(epoch.last)
        assert sent is not None
        blockcheck.check_final(sent, epoch)
        header = msgspec.structs.replace(Header.decode(block.header), height=epoch.last + 1)
        proof = Finality.decode(block.finality)
        with patch.object(Finality, "verify"):
            self.assertEqual(self.code(epoch.verify, header, proof), "header_discarded")

    def code(self, call: Any, *arguments: Any) -> str:
        return self.assertRaises(LedgerError, call, *arguments).code


class OneBlock(Serving):
    def blocks(self, question: GetBlocks) -> Blocks:
        told = super().blocks(question)
        return Blocks(told.request, told.blocks[:1])


class NoBlocks(Serving):
    def blocks(self, question: GetBlocks) -> Blocks:
        return Blocks(question.request, ())


class _ChangedEnds(NoBlocks):
    def epochs(self, question: GetEpochs) -> Epochs:
        told = super().epochs(question)
        return Epochs(told.request, tuple(self.changed(list(told.ends))))

    def changed(self, ends: list[SentEpochEnd]) -> list[SentEpochEnd]:
        raise NotImplementedError


class OtherValidators(_ChangedEnds):
    def changed(self, ends: list[SentEpochEnd]) -> list[SentEpochEnd]:
        """Its own key in the place of the last epoch's, in the header as well."""
        keys = make_key(66).public
        header = msgspec.structs.replace(Header.decode(ends[-1].header), next_validators=validators_hash([keys]))
        return [*ends[:-1], msgspec.structs.replace(ends[-1], header=header.encode(), validators=keys)]


class NoQuorum(_ChangedEnds):
    def changed(self, ends: list[SentEpochEnd]) -> list[SentEpochEnd]:
        proof = Finality.decode(ends[1].finality)
        few = msgspec.structs.replace(proof.certificate, signatures=proof.certificate.signatures[1:])
        return [ends[0], msgspec.structs.replace(ends[1], finality=Finality(few).encode())]


class LeavesOut(_ChangedEnds):
    def changed(self, ends: list[SentEpochEnd]) -> list[SentEpochEnd]:
        return ends[1:]
