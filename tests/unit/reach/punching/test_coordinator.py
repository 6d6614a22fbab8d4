"""Who is told what, and when."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.reach.punching.coordinator import (
    PREDICTED,
    Ask,
    Coordinator,
    CoordinatorLimits,
    Expired,
    Matched,
    PunchRefused,
    Target,
    Unmatched,
    judge_mapping,
)
from cloudnode.reach.punching.values import Candidate, Mapping, Strategy, Transport

KEY = bytes(range(32))
NODE = bytes([7]) * 32
HOME, OFFICE = ("203.0.113.1", 40_001), ("203.0.113.2", 40_002)


def ask(
    username: str = "username1", *, requester: str = "198.51.100.9", strategy: Strategy = Strategy.DIRECT,
    transport: Transport = "udp", mapping: Mapping = "unknown", proven: str = "", node: bytes = NODE,
) -> Ask:  # fmt: skip
    """A request with one private and one public address of its own, which is not to be passed on."""
    local = (("192.168.1.7", 5_000), ("198.51.100.66", 53))
    return Ask(requester, node, transport, strategy, username, KEY, local, mapping, frozenset((proven,)))


TARGET = Target(OFFICE, local=(("192.168.1.8", 6_000), ("127.0.0.1", 22)), proven=frozenset((OFFICE[0],)))


class CoordinatorTests(SynchronousTestCase):
    def match(self, asked: Ask, target: Target = TARGET, endpoint: tuple[str, int] = HOME) -> Matched:
        """Both halves of an attempt."""
        coordinator = Coordinator()
        coordinator.request(asked, [target], 0.0)
        self.assertEqual(coordinator.take_events(), [])
        coordinator.observed(asked.username, asked.transport, endpoint)
        [event] = coordinator.take_events()
        assert isinstance(event, Matched)
        return event

    def refusal(
        self, coordinator: Coordinator, asked: Ask, targets: Sequence[Target] = (TARGET,), now: float = 0.0
    ) -> str:
        """The name of the refusal of a request."""
        return self.assertRaises(PunchRefused, coordinator.request, asked, targets, now).name

    def test_match(self) -> None:
        """Both are told, in one event, what was observed, and nothing else."""
        matched = self.match(ask())
        self.assertEqual(matched.for_requester.candidates, (Candidate(OFFICE, "observed"),))
        self.assertEqual(matched.for_requester.own, HOME)
        self.assertEqual(matched.for_target.candidates, (Candidate(HOME, "observed"),))
        self.assertEqual(matched.for_target.own, OFFICE)

    def test_same_nat(self) -> None:
        """Private endpoints are told behind one public address alone, and only private ones."""
        matched = self.match(ask(), endpoint=(OFFICE[0], 40_009))
        self.assertEqual(matched.for_target.candidates[0], Candidate(("192.168.1.7", 5_000), "private"))
        self.assertEqual(matched.for_requester.candidates[0], Candidate(("192.168.1.8", 6_000), "private"))
        told = {each.endpoint[0] for each in matched.for_target.candidates + matched.for_requester.candidates}
        self.assertEqual(told, {"192.168.1.7", "192.168.1.8", OFFICE[0]})

    def test_mapped_in_ipv6(self) -> None:
        """An IPv4 address is the same however a socket writes it."""
        matched = self.match(ask(), endpoint=("::ffff:203.0.113.2", 40_009))
        self.assertEqual(matched.for_requester.own, ("203.0.113.2", 40_009))
        self.assertEqual(matched.for_target.candidates[0].kind, "private")

    def test_predicted(self) -> None:
        """For a requester whose NAT maps by the remote endpoint the ports after the observed one are told as well."""
        candidates = self.match(ask(mapping="dependent")).for_target.candidates
        ports = [each.endpoint[1] for each in candidates if each.kind == "predicted"]
        self.assertEqual(ports, list(range(HOME[1] + 1, HOME[1] + 1 + PREDICTED)))
        candidates = self.match(ask(mapping="dependent"), endpoint=(HOME[0], 65_534)).for_target.candidates
        self.assertEqual([each.endpoint[1] for each in candidates], [65_534, 65_535])

    def test_unknown_observation(self) -> None:
        """An observation of nobody's, or over the other transport, does nothing."""
        coordinator = Coordinator()
        coordinator.request(ask(), [TARGET], 0.0)
        coordinator.observed("another", "udp", HOME)
        coordinator.observed("username1", "tcp", HOME)
        self.assertEqual(coordinator.take_events(), [])
        self.assertEqual(len(coordinator), 1)

    def test_once(self) -> None:
        """Credentials are good for one match."""
        coordinator = Coordinator()
        coordinator.request(ask(), [TARGET], 0.0)
        for _ in range(3):
            coordinator.observed("username1", "udp", HOME)
        self.assertEqual(len(coordinator.take_events()), 1)

    def test_expiry(self) -> None:
        """A request without an observation fails."""
        coordinator = Coordinator(CoordinatorLimits(wait=3.0))
        coordinator.request(ask(), [TARGET], 10.0)
        self.assertEqual(coordinator.deadline(), 13.0)
        coordinator.time_passed(12.9)
        self.assertEqual(coordinator.take_events(), [])
        coordinator.time_passed(13.0)
        self.assertEqual(coordinator.take_events(), [Expired(ask())])
        self.assertEqual(len(coordinator), 0)

    def test_withdrawn(self) -> None:
        """A requester that is gone is not matched."""
        coordinator = Coordinator()
        coordinator.request(ask(), [TARGET], 0.0)
        coordinator.withdraw("username1")
        coordinator.observed("username1", "udp", HOME)
        self.assertEqual(coordinator.take_events(), [])

    def test_conflict(self) -> None:
        """Nobody takes over another's attempt by its username."""
        coordinator = Coordinator()
        coordinator.request(ask(), [TARGET], 0.0)
        self.assertEqual(self.refusal(coordinator, ask()), "punch_conflict")

    def test_unmapped(self) -> None:
        """A target without a mapping can't be punched to."""
        self.assertEqual(self.refusal(Coordinator(), ask(), []), "punch_unmapped")

    def test_families(self) -> None:
        """A requester is brought together with a target that has an endpoint in its family, and with no other."""
        over_ipv6 = Target(("2001:db8::7", 38083), "served", local=(("fd00::7", 7),))
        coordinator = Coordinator()
        for endpoint, expected in ((HOME, OFFICE), (("2001:db8::9", 9), over_ipv6.observed),
                                   (("::ffff:203.0.113.1", 40_001), OFFICE)):  # fmt: skip
            coordinator.request(ask(), [over_ipv6, TARGET], 0.0)
            coordinator.observed("username1", "udp", endpoint)
            [matched] = coordinator.take_events()
            assert isinstance(matched, Matched)
            self.assertEqual({each.endpoint for each in matched.for_requester.candidates}, {expected})
        for endpoint, target in ((HOME, over_ipv6), (("2001:db8::9", 9), TARGET)):
            coordinator.request(ask(), [target], 0.0)
            coordinator.observed("username1", "udp", endpoint)
            self.assertEqual(coordinator.take_events(), [Unmatched(ask())])
        self.assertEqual(len(coordinator), 0)

    def test_requester_budget(self) -> None:
        """A requester gets so many attempts, and more with time; others are not affected."""
        coordinator = Coordinator(CoordinatorLimits(burst=3, refill=1.0, pending_each=100))
        for number in range(3):
            coordinator.request(ask(f"username{number}"), [TARGET], 0.0)
        self.assertEqual(self.refusal(coordinator, ask("username9")), "punch_over_budget")
        coordinator.request(ask("username8", requester="198.51.100.8"), [TARGET], 0.0)
        coordinator.request(ask("username9"), [TARGET], 1.1)

    def test_target_budget(self) -> None:
        """However many requesters there are, a target is asked so often alone, and who is refused pays nothing."""
        coordinator = Coordinator(CoordinatorLimits(target_burst=2, target_refill=0.1, burst=2))
        for number in range(2):
            coordinator.request(ask(f"username{number}", requester=str(number)), [TARGET], 0.0)
        self.assertEqual(self.refusal(coordinator, ask("username9", requester="9")), "punch_over_budget")
        other = bytes(32)
        for number in range(2):
            coordinator.request(ask(f"usernameX{number}", requester="9", node=other), [TARGET], 0.0)

    def test_pending(self) -> None:
        """Requests that wait are bounded, of one requester and in all."""
        coordinator = Coordinator(CoordinatorLimits(pending=3, pending_each=2))
        for number in range(2):
            coordinator.request(ask(f"username{number}"), [TARGET], 0.0)
        self.assertEqual(self.refusal(coordinator, ask("username8")), "punch_over_budget")
        coordinator.request(ask("username3", requester="b"), [TARGET], 0.0)
        self.assertEqual(self.refusal(coordinator, ask("username4", requester="c")), "punch_over_budget")

    def test_spread_needs_proof(self) -> None:
        """Many probes go only where the requester's own connection comes from: a datagram's source can be forged."""
        spread = ask(strategy=Strategy.SPREAD, mapping="dependent", proven="198.51.100.9")
        matched = self.match(spread)
        self.assertEqual((matched.for_target.strategy, matched.for_target.many), (Strategy.DIRECT, None))
        matched = self.match(ask(strategy=Strategy.SPREAD, mapping="dependent", proven=HOME[0]))
        self.assertEqual((matched.for_target.strategy, matched.for_target.many), (Strategy.SPREAD, "requester"))

    def test_spread_needs_proof_of_the_target(self) -> None:
        """A node that forges the source of its Binding requests has nobody send many probes there."""
        victim = Target(("192.0.2.66", 9), mapping="dependent", proven=frozenset((OFFICE[0],)))
        spread = ask(strategy=Strategy.SPREAD, mapping="independent", proven=HOME[0])
        for order in (self.match(spread, victim).for_requester, self.match(spread, victim).for_target):
            self.assertEqual((order.strategy, order.many), (Strategy.DIRECT, None))
        there = Target(victim.observed, mapping="dependent", proven=frozenset((OFFICE[0], "192.0.2.66")))
        self.assertEqual(self.match(spread, there).for_requester.many, "target")

    def test_spread_side(self) -> None:
        """The side whose NAT maps by the remote endpoint opens the many sockets."""
        target = Target(OFFICE, mapping="dependent", proven=TARGET.proven)
        matched = self.match(ask(strategy=Strategy.SPREAD, mapping="independent", proven=HOME[0]), target)
        self.assertEqual((matched.for_requester.many, matched.for_target.many), ("target", "target"))
        hopeless = ask(strategy=Strategy.SPREAD, mapping="dependent", proven=HOME[0])
        self.assertEqual(self.refusal(Coordinator(), hopeless, [target]), "punch_hopeless")
        over_tcp = ask(strategy=Strategy.SPREAD, transport="tcp")
        self.assertEqual(self.refusal(Coordinator(), over_tcp), "punch_hopeless")

    def test_spread_cost(self) -> None:
        """It costs as much as many attempts."""
        coordinator = Coordinator(CoordinatorLimits(burst=15, spread_cost=10))
        coordinator.request(ask("username1", strategy=Strategy.SPREAD), [TARGET], 0.0)
        self.assertEqual(self.refusal(coordinator, ask("username2", strategy=Strategy.SPREAD)), "punch_over_budget")

    def test_judge_mapping(self) -> None:
        """Two servers that see one socket tell what its NAT does."""
        self.assertEqual(judge_mapping([HOME]), "unknown")
        self.assertEqual(judge_mapping([HOME, HOME]), "independent")
        self.assertEqual(judge_mapping([HOME, (HOME[0], 1)]), "dependent")
