"""Real nodes behind NATs of several kinds find out, together with their peers, which kind it is."""

from __future__ import annotations

from pathlib import Path

from tests.integration.conftest import wait_until
from tests.integration.test_mappings import HomeNode, starting
from tests.natlab import natlab
from tests.natlab.natkinds import CASES, read_nat, survey_all
from tests.natlab.nodes import LabNode

SOME = ("firewall", "full-cone-hairpin", "restricted-cone", "address-dependent", "symmetric-sequential", "no-udp")


def test_kinds(lab: natlab.Lab, tmp_path: Path) -> None:
    """Each is found, before that nothing else is taken for it, and no restricted one is told to be open;
    ``tests.natlab.natkinds`` shows all. What a survey can't find out in time, on a busy machine, stays unknown until
    the next one.
    """
    meanings: dict[str, str] = {}

    def note(name: str, node: LabNode) -> None:
        nat = read_nat(node)
        meanings[name] = "" if nat is None else nat["meaning"]

    cases = [CASES[name] for name in SOME]
    watched = survey_all(lab, tmp_path, cases, 1, note, patience=150.0, until_right=True)
    for each in watched:
        assert (each.right, each.was_wrong) == (1, False), (each.case.name, dict(each.results))
        assert not each.was_open_wrongly
    assert "Restricted-cone" in meanings["restricted-cone"]
    assert "UDP is blocked" in meanings["no-udp"]
    assert "foretold" in meanings["symmetric-sequential"]
    assert "firewall" in meanings["firewall"]


def test_new_network(lab: natlab.Lab, tmp_path: Path) -> None:
    """A node that is moved finds out anew, with nothing but the changed address to tell it."""
    home, office = lab.nat("home", kind="full-cone"), lab.nat("office", kind="restricted-cone", unsolicited_tcp="rst")
    with starting(tmp_path) as start:
        server = start(lab.public_host("server"))
        other = start(lab.public_host("other"), server)
        node = start(home.host("node"), server, other, kind=HomeNode)

        def found(field: str) -> object:
            nat = read_nat(node)
            return None if nat is None else nat[field]

        fields, first = ("filtering", "external", "syn"), ("endpoint-independent", home.public_address, "accepted")
        wait_until(lambda: tuple(map(found, fields)) == first, 90, "the kind of the first NAT")
        node.host.change_network(office)
        wait_until(lambda: found("external") == office.public_address, 90, "the kind of the second NAT")
        # A survey may have begun before all links were there again: what it could not ask stays unknown until the next.
        answers = set()

        def is_known() -> bool:
            answers.add((found("filtering"), found("syn")))
            return ("address-dependent", "reset") in answers

        wait_until(is_known, 90, "all of the kind of the second NAT")
        assert {filtering for filtering, _ in answers} <= {"unknown", "address-dependent"}
        assert {syn for _, syn in answers} <= {"unknown", "reset"}
