"""Which endpoints are tried that a coordinator tells."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.reach.punching.choosing import choose_candidates
from cloudnode.reach.punching.values import Candidate, CandidateKind, Endpoint

COORDINATOR = "198.51.100.1"
OWN = ("203.0.113.1", 40_001)
OBSERVED = Candidate(("203.0.113.2", 40_002), "observed")
NEVER = ("0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::", "ff02::1", "localhost", "", "1.2.3")
HERE = ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")
INSIDE = ("10.0.0.1", "192.168.0.1", "172.16.0.1", "100.64.0.1", "169.254.1.1", "fd00::1", "fe80::1",
          "::ffff:192.168.0.1")  # fmt: skip
EVERYWHERE = ("203.0.113.9", "192.0.2.9", "198.51.100.9", "2001:db8::9", "9.9.9.9")


def told(*hosts: str, kind: CandidateKind = "observed", port: int = 5_000) -> list[Candidate]:
    return [Candidate((host, port), kind) for host in hosts]


class ChoosingTests(SynchronousTestCase):
    def choose(
        self, candidates: list[Candidate], own: Endpoint | None = OWN, coordinator: str = COORDINATOR
    ) -> list[str]:
        """The addresses that are left."""
        return [each.endpoint[0] for each in choose_candidates(candidates, own, coordinator)]

    def test_public(self) -> None:
        """A public address is tried, those for documentation as well, whatever it is told to be but private."""
        for host in EVERYWHERE:
            for kind in ("observed", "served", "predicted"):
                self.assertEqual(self.choose(told(host, kind=kind)), [host])
            self.assertEqual(self.choose(told(host, kind="private")), [])
            self.assertEqual(self.choose(told(host, kind="reflexive")), [])

    def test_not_public(self) -> None:
        """No public coordinator has anybody send to his own machine, into his network, or to groups."""
        for host in (*NEVER, *HERE, *INSIDE):
            for kind in ("observed", "served", "predicted", "reflexive", "private"):
                self.assertEqual(self.choose(told(host, kind=kind)), [], (host, kind))

    def test_same_nat(self) -> None:
        """Behind one NAT private endpoints are tried: private ones alone, and at no well-known service's port."""
        behind = Candidate((OWN[0], 40_009), "observed")
        for host in INSIDE:
            expected = host.removeprefix("::ffff:")
            self.assertEqual(self.choose([*told(host, kind="private"), behind]), [expected, OWN[0]])
            self.assertEqual(self.choose([*told(host, kind="private", port=443), behind]), [OWN[0]])
            self.assertEqual(self.choose([*told(host, kind="private"), OBSERVED]), [OBSERVED.endpoint[0]])
            self.assertEqual(self.choose([*told(host, kind="private"), behind], None), [OWN[0]])
        for host in (*NEVER, *HERE, *EVERYWHERE):
            self.assertEqual(self.choose([*told(host, kind="private"), behind]), [OWN[0]], host)

    def test_mapped_in_ipv6(self) -> None:
        """An IPv4 address is the same however it is written."""
        dressed = Candidate(("::ffff:203.0.113.1", 40_009), "observed")
        private = Candidate(("192.168.1.8", 6_000), "private")
        undressed = Candidate((OWN[0], 40_009), "observed")
        self.assertEqual(choose_candidates([private, dressed], OWN, COORDINATOR), (private, undressed))
        self.assertEqual(
            choose_candidates([private, undressed], ("::ffff:203.0.113.1", 1), COORDINATOR), (private, undressed)
        )

    def test_bounds(self) -> None:
        """One address outside is tried, at as many ports as there are good reasons for, and each endpoint once."""
        kinds: tuple[CandidateKind, ...] = ("observed", "predicted", "served")
        many = [Candidate((OWN[0], port), kind) for kind in kinds for port in range(1, 31)]
        chosen = choose_candidates([*many, *many], OWN, COORDINATOR)
        self.assertEqual(len(chosen), 10)
        self.assertEqual(len({each.endpoint for each in chosen}), 10)
        self.assertEqual(self.choose(told(*EVERYWHERE, kind="predicted")), [EVERYWHERE[0]])
        behind = Candidate((OWN[0], 40_009), "observed")
        private = [Candidate((f"10.0.0.{number}", 5_000), "private") for number in range(30)]
        self.assertEqual(len(choose_candidates([*private, behind], OWN, COORDINATOR)), 5)
        for port in (0, -1, 65_536):
            self.assertEqual(self.choose(told("203.0.113.9", port=port)), [])

    def test_near_coordinator(self) -> None:
        """One in a private network tells of it, one on this machine of that; neither tells of what is never right."""
        for host in INSIDE:
            expected = host.removeprefix("::ffff:")
            for coordinator in ("192.168.0.2", "::ffff:10.0.0.1", "127.0.0.1", "::1"):
                self.assertEqual(self.choose(told(host, kind="served"), None, coordinator), [expected])
        for host in HERE:
            self.assertEqual(len(self.choose(told(host, kind="served"), None, "127.0.0.1")), 1)
            self.assertEqual(self.choose(told(host, kind="served"), None, "192.168.0.2"), [])
            self.assertEqual(self.choose(told(host, kind="private"), None, "127.0.0.1"), [])
        for host in NEVER:
            self.assertEqual(self.choose(told(host, kind="served"), None, "127.0.0.1"), [])
        self.assertEqual(self.choose(told("10.0.0.1"), None, "no address"), [])
