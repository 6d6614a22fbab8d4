"""The seven rules, one participant at a time."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.consensus.effects import Certified, Diverged, EpochOpened, Finalized, Forked, Persist, Refused, Send
from cloudnode.consensus.messages import Blocks, Proposal, Want
from cloudnode.consensus.seams import Start, Verdict
from cloudnode.formats.block import FINALIZE, NOTARIZE, SKIP, Certificate, Vote
from tests.unit.consensus.scene import (
    GENESIS,
    OPERATION,
    VALIDATORS,
    Scene,
    block,
    certificate,
    proposal,
    vote,
)


class ViewTests(SynchronousTestCase):
    """Rule 1: a node is in the lowest view that isn't cleared."""

    def test_each_certificate_clears(self) -> None:
        """A notarize or a skip certificate clears its view, a finalize certificate all up to its own."""
        scene = Scene()
        scene.hear(certificate(SKIP, 0))
        self.assertEqual(scene.core.view, 1)
        scene.hear(certificate(NOTARIZE, 1, b"h" * 32))
        self.assertEqual(scene.core.view, 2)
        scene.hear(certificate(FINALIZE, 7, b"i" * 32))
        self.assertEqual(scene.core.view, 8)

    def test_gap(self) -> None:
        """A certificate of a later view alone clears nothing before it."""
        scene = Scene()
        scene.hear(certificate(SKIP, 1))
        self.assertEqual(scene.core.view, 0)
        scene.hear(certificate(SKIP, 0))
        self.assertEqual(scene.core.view, 2)

    def test_votes_make_a_certificate(self) -> None:
        """Three of four votes are a certificate, which is sent to those that haven't shown it; two are not."""
        scene = Scene()
        scene.hear(vote(0, SKIP, 0), 0)
        scene.hear(vote(1, SKIP, 0), 1)
        self.assertEqual(scene.of(Certified), [])
        scene.hear(vote(2, SKIP, 0), 2)
        self.assertEqual([effect.certificate.signatures for effect in scene.of(Certified)],
                         [certificate(SKIP, 0).signatures])  # fmt: skip
        self.assertEqual([effect.peers for effect in scene.of(Send)], [(0, 1, 2)])

    def test_shown_certificates_are_not_sent_back(self) -> None:
        """Who has shown a certificate is not sent it."""
        scene = Scene()
        scene.hear(certificate(SKIP, 0), 1)
        self.assertEqual([effect.peers for effect in scene.of(Send)], [(0, 2)])


class ProposingTests(SynchronousTestCase):
    """Rule 2: the leader proposes on a notarized parent, with what justifies it."""

    def test_first_block(self) -> None:
        """The leader of view 0 proposes at once, journaled before it is sent."""
        scene = Scene(0)
        self.assertEqual(scene.effects[1].__class__, Persist)
        scene.wait(2.0)
        (first,) = {one.block.hash for one in scene.sent(Proposal)}
        self.assertEqual(scene.of(Persist)[0].entry.block.hash, first)

    def test_carries_the_skips(self) -> None:
        """Its proposal names the notarized parent and carries the skip certificates since."""
        scene = Scene(3)
        scene.application.work = (OPERATION,)
        parent = block(None, 0)
        scene.hear(proposal(parent), 0)
        scene.play(parent, (NOTARIZE,))
        scene.hear(certificate(SKIP, 1))
        scene.hear(certificate(SKIP, 2))
        scene.wait(0.3)
        made = scene.sent(Proposal)[0]
        self.assertEqual(made.block.header.parent, parent.hash)
        self.assertEqual(made.parent.kind, NOTARIZE)
        self.assertEqual([skip.view for skip in made.skips], [1, 2])
        self.assertEqual(made.block.ids, (OPERATION,))

    def test_pace_and_heartbeat(self) -> None:
        """Nothing to order: the next block comes at the heartbeat; an operation: at pace."""
        for work, at in (((), 10.0), ((OPERATION,), 0.2)):
            scene = Scene(1)
            parent = block(None, 0)
            scene.hear(proposal(parent), 0)
            scene.application.work = work
            scene.play(parent)
            scene.wait(at - 0.01)
            self.assertEqual(scene.sent(Proposal), [])
            scene.wait(0.02)
            self.assertEqual(len(scene.sent(Proposal)), 1)

    def test_goes_on_until_the_root_is_carried(self) -> None:
        """After a block with operations the leader makes one at pace although nothing waits; it carries the root."""
        scene = Scene(1)
        parent = block(None, 0, (OPERATION,))
        scene.hear(proposal(parent), 0)
        scene.play(parent)
        scene.application.roots[1] = b"1" * 32
        scene.core.executed(scene.now, 1)
        scene.wait(0.21)
        header = scene.sent(Proposal)[0].block.header
        self.assertEqual((header.root_height, header.root, header.operations_count), (1, b"1" * 32, 0))

    def test_copies_the_root_it_does_not_know_yet(self) -> None:
        """A leader that has not executed as far as its parent says repeats the parent's root."""
        scene = Scene(1)
        parent = block(None, 0, (OPERATION,))
        scene.hear(proposal(parent), 0)
        scene.play(parent)
        scene.wait(0.21)
        self.assertEqual(scene.sent(Proposal)[0].block.header.root_height, 0)


class NotarizingTests(SynchronousTestCase):
    """Rule 3: notarize once a view, only what is grounded, valid and held."""

    def test_votes_once(self) -> None:
        """The first good proposal gets the vote, a second one of the same leader none."""
        scene = Scene()
        scene.hear(proposal(block(None, 0)), 0)
        scene.hear(proposal(block(None, 0, time=2_005)), 0)
        self.assertEqual(scene.votes(), [(NOTARIZE, 0)])

    def test_waits_for_bodies(self) -> None:
        """While bodies are missing there is no vote; when they are durable there is."""
        scene = Scene()
        scene.application.verdict = Verdict.WAITING
        proposed = block(None, 0, (OPERATION,))
        scene.hear(proposal(proposed), 0)
        self.assertEqual(scene.votes(), [])
        scene._add(scene.core.block_checked(scene.now, proposed.hash, Verdict.VALID))
        self.assertEqual(scene.votes(), [(NOTARIZE, 0)])
        self.assertEqual(len(scene.application.checked), 1)

    def test_refuses_what_is_invalid(self) -> None:
        """A block that is not the parent's child, or that the application refuses, gets no vote, then or later."""
        wrong = (
            block(None, 0, height=2),
            block(None, 0, time=1_000),
            block(None, 0, root=b"x" * 32),
            block(None, 0, parent=b"x" * 32),
        )
        for proposed in wrong:
            scene = Scene()
            scene.hear(proposal(proposed), 0)
            self.assertEqual(scene.votes(), [])
        scene = Scene()
        scene.application.verdict = Verdict.INVALID
        scene.hear(proposal(block(None, 0)), 0)
        scene.hear(proposal(block(None, 0)), 0)
        self.assertEqual(scene.votes(), [])
        self.assertEqual(len(scene.application.checked), 1)

    def test_needs_the_gap_skipped(self) -> None:
        """A proposal in view 2 on the genesis gets no vote while view 1 is notarized and not skipped."""
        scene = Scene()
        scene.hear(certificate(SKIP, 0))
        scene.hear(proposal(block(None, 1)), 1)
        scene.hear(certificate(NOTARIZE, 1, block(None, 1).hash))
        scene.forget()
        scene.hear(proposal(block(None, 2)), 2)
        self.assertEqual(scene.votes(), [])
        scene.hear(certificate(SKIP, 1))
        self.assertEqual(scene.votes(), [(NOTARIZE, 2)])

    def test_compares_roots(self) -> None:
        """A root of a final height is compared; one of a height that isn't final here yet waits for it."""
        scene = Scene()
        first = block(None, 0)
        scene.hear(proposal(first), 0)
        scene.play(first, (NOTARIZE,))
        scene.application.roots[1] = b"1" * 32
        scene.forget()
        second = block(first, 1, root_height=1, root=b"1" * 32)
        scene.hear(proposal(second, certificate(NOTARIZE, 0, first.hash)), 1)
        self.assertEqual(scene.votes(), [])
        scene.hear(certificate(FINALIZE, 0, first.hash))
        self.assertEqual(scene.votes(), [(NOTARIZE, 1)])

    def test_only_the_leader(self) -> None:
        """A proposal by another than the leader is refused with its name."""
        scene = Scene()
        scene.hear(proposal(block(None, 0), index=1), 1)
        self.assertEqual([effect.error.code for effect in scene.of(Refused)], ["proposal_leader"])


class FinalizingTests(SynchronousTestCase):
    """Rules 4 and 6."""

    def test_finalizes_what_it_notarized(self) -> None:
        """On the notarize certificate for its block a node votes to finalize, with the certificate in the journal."""
        scene = Scene()
        proposed = block(None, 0)
        scene.hear(proposal(proposed), 0)
        scene.play(proposed, (NOTARIZE,))
        self.assertEqual(scene.votes(), [(NOTARIZE, 0), (FINALIZE, 0)])
        self.assertEqual(scene.of(Persist)[1].entry.certificate.kind, NOTARIZE)

    def test_not_after_a_skip(self) -> None:
        """Who has voted to skip the view does not vote to finalize in it."""
        scene = Scene()
        proposed = block(None, 0)
        scene.hear(proposal(proposed), 0)
        scene.wait(2.0)
        scene.play(proposed, (NOTARIZE,))
        self.assertEqual(scene.votes(), [(NOTARIZE, 0), (SKIP, 0)])

    def test_not_what_it_did_not_notarize(self) -> None:
        """A certificate for a block that it never voted for gets no finalize vote."""
        scene = Scene()
        scene.hear(certificate(NOTARIZE, 0, block(None, 0).hash))
        self.assertEqual(scene.votes(), [])

    def test_ancestors_are_final(self) -> None:
        """A finalize certificate makes the block and its ancestors final, once the missing ones are fetched."""
        scene = Scene()
        first = block(None, 0)
        second = block(first, 1)
        third = block(second, 2)
        scene.hear(certificate(FINALIZE, 2, third.hash), 1)
        wants = scene.sent(Want)
        self.assertEqual([want.hash for want in wants], [third.hash])
        self.assertEqual([effect.peers for effect in scene.of(Send) if isinstance(effect.message, Want)], [(1,)])
        scene.hear(Blocks((third, second, first)), 1)
        self.assertEqual(scene.finals(), [1, 2, 3])

    def test_asks_another(self) -> None:
        """A peer that doesn't answer is not asked for ever."""
        scene = Scene()
        scene.hear(certificate(FINALIZE, 0, block(None, 0).hash), 1)
        scene.wait(3.0)
        asked = {effect.peers for effect in scene.of(Send) if isinstance(effect.message, Want)}
        self.assertEqual(asked, {(0,), (1,), (2,)})

    def test_unasked_blocks_are_ignored(self) -> None:
        """Blocks that nobody asked for are not kept."""
        scene = Scene()
        scene.hear(Blocks((block(None, 0),)), 1)
        self.assertEqual(len(scene.core.chain), 0)

    def test_diverged(self) -> None:
        """A final header with another root than one's own stops the participant: its own database is wrong."""
        scene = Scene()
        wrong = block(None, 0, root=b"x" * 32)
        scene.hear(proposal(wrong), 0)
        scene.play(wrong)
        self.assertEqual([effect.height for effect in scene.of(Diverged)], [0])
        scene.wait(30.0)
        self.assertEqual(scene.votes(), [])

    def test_forked(self) -> None:
        """Certificates that exclude each other are told, and nothing is voted any more."""
        scene = Scene()
        scene.hear(certificate(FINALIZE, 3, b"a" * 32))
        scene.hear(certificate(FINALIZE, 3, b"b" * 32))
        self.assertEqual(len(scene.of(Forked)), 1)
        self.assertIsNone(scene.core.deadline)


class SkippingTests(SynchronousTestCase):
    """Rule 5: skip on time-out."""

    def test_after_the_time_out(self) -> None:
        """A silent leader's view is skipped after pace and three delays, not before."""
        scene = Scene()
        scene.wait(0.49)
        self.assertEqual(scene.votes(), [])
        scene.wait(0.02)
        self.assertEqual(scene.votes(), [(SKIP, 0)])

    def test_idle_network_waits_for_the_heartbeat(self) -> None:
        """With nothing to order nobody is suspected before a heartbeat is due; an operation shortens the wait."""
        for arrives in (False, True):
            scene = Scene()
            first = block(None, 0)
            scene.hear(proposal(first), 0)
            scene.play(first)
            scene.forget()
            if arrives:
                scene.application.work = (OPERATION,)
                scene._add(scene.core.work_arrived(scene.now))
            scene.wait(5.0)
            self.assertEqual(scene.votes(), [(SKIP, 1)] if arrives else [])

    def test_missing_leader_is_skipped_at_once(self) -> None:
        """A leader that missed its last two views is skipped at once in the next, though not for ever."""
        scene = Scene()
        parent = None
        for view in range(40):
            if view % 4 == 2:
                scene.hear(certificate(SKIP, view))
                continue
            if view % 4 == 3:
                scene.wait(0.5)
                parent = scene.sent(Proposal)[-1].block
            else:
                parent = block(parent, view, (bytes([view]) * 32,))
                scene.hear(proposal(parent), view % 4)
            scene.forget()
            scene.play(parent)
            if view == 9:
                self.assertEqual(scene.core.view, 10)
                break
        # The leader of view 10 missed 2 and 6: its next turn is a chance, the one after that is not.
        self.assertNotIn((SKIP, 10), scene.votes())
        scene.hear(certificate(SKIP, 10))
        for view in (11, 12, 13):
            scene.hear(certificate(SKIP, view))
        self.assertEqual(scene.core.view, 14)
        self.assertIn((SKIP, 14), scene.votes())


class StandstillTests(SynchronousTestCase):
    """Rule 7: say it again."""

    def test_repeats_votes_and_certificates(self) -> None:
        """Without progress the certificates and own votes above the last final view are sent again."""
        scene = Scene()
        scene.hear(certificate(SKIP, 0))
        scene.wait(1.0)
        scene.forget()
        scene.wait(3.0)
        repeated = {(one.kind, one.view) for one in scene.sent(Vote) + scene.sent(Certificate)}
        self.assertEqual(repeated, {(SKIP, 0), (SKIP, 1)})
        self.assertEqual(scene.votes(), [])

    def test_helps_who_repeats_itself(self) -> None:
        """A peer that sends the same vote again gets the certificate that it lacks, but not without limit."""
        scene = Scene()
        scene.hear(certificate(SKIP, 0), 1)
        scene.forget()
        for _ in range(5):
            scene.hear(vote(0, SKIP, 0), 0)
        self.assertEqual([one.view for one in scene.sent(Certificate)], [0])


class EpochTests(SynchronousTestCase):
    """A block with a validator change ends the epoch."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.change = b"c" * 32
        self.validators = (VALIDATORS[3], VALIDATORS[0])
        self.first = block(None, 0, (self.change,), self.validators)
        self.scene.hear(proposal(self.first), 0)
        self.scene.play(self.first, (NOTARIZE,))

    def test_only_empty_blocks_below(self) -> None:
        """Below it, a block with operations gets no vote and an empty one does."""
        notarized = certificate(NOTARIZE, 0, self.first.hash)
        for ids, votes in (((OPERATION,), []), ((), [(NOTARIZE, 1)])):
            self.setUp()
            self.scene.forget()
            self.scene.hear(proposal(block(self.first, 1, ids), notarized), 1)
            self.assertEqual(self.scene.votes(), votes)

    def test_empty_blocks_are_discarded(self) -> None:
        """When it is final through an empty descendant, that one is discarded and the new epoch begins on it."""
        second = block(self.first, 1)
        self.scene.hear(proposal(second, certificate(NOTARIZE, 0, self.first.hash)), 1)
        self.scene.forget()
        self.scene.hear(certificate(FINALIZE, 1, second.hash))
        (final,) = self.scene.of(Finalized)
        self.assertEqual((final.blocks, final.discarded), ((self.first,), (second,)))
        self.assertEqual(self.scene.of(EpochOpened), [EpochOpened(1, self.validators, 1)])
        (made,) = self.scene.sent(Proposal) or [None]
        self.assertIsNone(made)
        self.scene.wait(0.3)
        header = self.scene.sent(Proposal)[0].block.header
        self.assertEqual((header.epoch, header.view, header.height, header.parent), (1, 0, 2, self.first.hash))

    def test_helps_who_is_left_behind(self) -> None:
        """A vote of the ended epoch is answered with the certificate that ended it."""
        ending = certificate(FINALIZE, 0, self.first.hash)
        self.scene.hear(ending)
        self.scene.application.ends[0] = ending
        self.scene.forget()
        self.scene.now += 0.1
        self.scene.hear(vote(1, SKIP, 0), 1)
        self.assertEqual([(one.kind, one.epoch) for one in self.scene.sent(Certificate)], [(FINALIZE, 0)])


    def test_helps_who_has_nothing_of_its_epoch(self) -> None:
        """Who shows the certificate that ended an epoch learns how the next one ended, of which it may have none."""
        scene = Scene(start=Start(3, VALIDATORS, GENESIS))
        ends = {number: certificate(FINALIZE, 5, bytes([number]) * 32, epoch=number) for number in range(3)}
        scene.application.ends = ends
        scene.now += 1
        scene.forget()
        scene.hear(ends[0], 1)
        self.assertEqual([one.epoch for one in scene.sent(Certificate)], [0, 1])


class LoneTests(SynchronousTestCase):
    """One validator is a network by the same rules."""

    def test_finalizes_at_pace_and_heartbeat(self) -> None:
        """A lone validator finalizes its first block at once, works at pace and then beats."""
        scene = Scene(0, validators=VALIDATORS[:1])
        self.assertEqual(scene.finals(), [1])
        scene.application.work = (OPERATION,)
        scene._add(scene.core.work_arrived(scene.now))
        scene.wait(0.25)
        self.assertEqual(scene.finals(), [1, 2])
        scene.application.work = ()
        scene.application.roots[2] = b"2" * 32
        scene._add(scene.core.executed(scene.now, 2))
        scene.wait(0.25)
        self.assertEqual(scene.finals(), [1, 2, 3])
        scene.wait(9.0)
        self.assertEqual(scene.finals(), [1, 2, 3])
        scene.wait(1.0)
        self.assertEqual(scene.finals(), [1, 2, 3, 4])

    def test_follower(self) -> None:
        """A key outside the set votes for nothing and knows what is final."""
        scene = Scene(3, validators=VALIDATORS[:3])
        first = block(None, 0)
        scene.hear(Certificate(FINALIZE, 0, 0, first.hash, certificate(FINALIZE, 0, first.hash).signatures))
        scene.hear(Blocks((first,)))
        scene.wait(30.0)
        self.assertEqual((scene.finals(), scene.votes()), ([1], []))


class RelayTests(SynchronousTestCase):
    """Validators with few links."""

    def test_relays_to_who_does_not_reach_the_voter(self) -> None:
        """A vote goes on, once, to the peers that say they have no link to its validator."""
        scene = Scene()
        scene.core.peer_joined(scene.now, 1, VALIDATORS[1], [VALIDATORS[3]])
        scene.core.peer_joined(scene.now, 2, VALIDATORS[2], [VALIDATORS[0], VALIDATORS[3]])
        scene.hear(vote(0, SKIP, 0), 0)
        scene.hear(vote(0, SKIP, 0), 0)
        relayed = [effect.peers for effect in scene.of(Send) if effect.message == vote(0, SKIP, 0)]
        self.assertEqual(relayed, [(1,)])


    def test_relays_again_at_a_standstill(self) -> None:
        """What was passed on and lost, or was said before the peer lost its link to the validator, is said again."""
        scene = Scene()
        for peer in (0, 1, 2):
            scene.core.peer_joined(scene.now, peer, VALIDATORS[peer], VALIDATORS)
        scene.hear(vote(0, SKIP, 0), 0)
        scene.core.peer_joined(scene.now, 1, VALIDATORS[1], [VALIDATORS[3]])
        scene.wait(30.0)
        relayed = [effect.peers for effect in scene.of(Send) if effect.message == vote(0, SKIP, 0)]
        self.assertEqual(set(relayed), {(1,)})
        scene.hear(certificate(SKIP, 0))
        scene.forget()
        scene.wait(3.0)
        self.assertNotIn(vote(0, SKIP, 0), scene.sent(Vote), "it is in a certificate, which is said")

    def test_relays_a_proposal_after_its_vote(self) -> None:
        """A leader's vote that came alone does not keep its proposal from being passed on."""
        scene = Scene()
        scene.core.peer_joined(scene.now, 1, VALIDATORS[1], [VALIDATORS[3]])
        proposed = proposal(block(None, 0))
        for message in (proposed.vote, proposed, proposed):
            scene.hear(message, 0)
        relayed = [effect.peers for effect in scene.of(Send) if effect.message == proposed]
        self.assertEqual(relayed, [(1,)])


class FetchTests(SynchronousTestCase):
    """Blocks that are missing."""

    def test_without_peers(self) -> None:
        """A node that has lost all links waits for one, and does not ask to be called at once for ever."""
        scene = Scene(3, validators=VALIDATORS[:3])
        first = block(None, 0)
        scene.hear(Certificate(FINALIZE, 0, 0, first.hash, certificate(FINALIZE, 0, first.hash).signatures))
        for peer in range(3):
            scene.core.peer_left(scene.now, peer)
        scene.wait(30.0)
        self.assertIsNone(scene.core.deadline)
        scene.forget()
        scene._add(scene.core.peer_joined(scene.now, 1))
        self.assertEqual([want.hash for want in scene.sent(Want)], [first.hash])


class RestartTests(SynchronousTestCase):
    """The journal makes a new participant go on where the old one stopped."""

    def test_votes_survive(self) -> None:
        """After a restart it votes for no other block in the same view, and does not skip what it finalized."""
        before = Scene()
        proposed = block(None, 0)
        before.hear(proposal(proposed), 0)
        before.play(proposed, (NOTARIZE,))
        journal = [effect.entry for effect in before.of(Persist)]
        after = Scene(journal=journal)
        after.hear(proposal(block(None, 0, time=2_005)), 0)
        self.assertEqual(after.core.view, 1)
        after.wait(12.0)
        self.assertEqual([view for _, view in after.votes()], [1])
        self.assertEqual(after.core.chain.get(proposed.hash), proposed)

    def test_only_notarized(self) -> None:
        """A vote to notarize without a certificate still allows to skip, not to notarize again."""
        before = Scene()
        before.hear(proposal(block(None, 0)), 0)
        after = Scene(journal=[effect.entry for effect in before.of(Persist)])
        after.hear(proposal(block(None, 0, time=2_005)), 0)
        after.wait(1.0)
        self.assertEqual(after.votes(), [(SKIP, 0)])

    def test_goes_on_from_the_store(self) -> None:
        """It starts above the last durable block."""
        scene = Scene()
        first = block(None, 0)
        scene.hear(proposal(first), 0)
        scene.play(first)
        final = scene.core.chain.final
        after = Scene(start=Start(0, VALIDATORS, final, certificate(FINALIZE, 0, first.hash)))
        self.assertEqual(after.core.view, 1)
        after.hear(proposal(block(None, 0, time=2_005)), 0)
        self.assertEqual(after.votes(), [])


class FloorTests(SynchronousTestCase):
    """Views in which the participant may have voted without knowing how."""

    def test_abstains(self) -> None:
        """It votes for nothing up to the floor, follows what the others decide there, and votes above it."""
        scene = Scene(start=Start(0, VALIDATORS, GENESIS, floor=(0, 1)))
        first = block(None, 0)
        scene.hear(proposal(first), 0)
        scene.play(first)
        second = block(first, 1)
        scene.hear(proposal(second), 1)
        scene.wait(30)
        self.assertEqual((scene.finals(), scene.votes(), scene.core.view), ([1], [], 1))
        scene.play(second)
        third = block(second, 2)
        scene.hear(proposal(third), 2)
        scene.play(third)
        self.assertEqual(scene.votes(), [(NOTARIZE, 2), (FINALIZE, 2)])

    def test_leads_above(self) -> None:
        """A leader whose turn is at the floor proposes nothing, and waits without asking to be called at once."""
        scene = Scene(0, start=Start(0, VALIDATORS, GENESIS, floor=(0, 0)))
        scene.wait(30)
        self.assertEqual((scene.sent(Proposal), scene.votes(), scene.core.deadline), ([], [], None))

    def test_next_epoch(self) -> None:
        """The floor of an epoch that is over holds nobody back."""
        scene = Scene(start=Start(1, VALIDATORS, GENESIS, floor=(0, 900)))
        scene.wait(30)
        self.assertIn((SKIP, 0), scene.votes())
