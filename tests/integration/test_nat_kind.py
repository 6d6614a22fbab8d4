"""Real nodes behind NATs of several kinds find out, together with their peers, which kind it is."""

from __future__ import annotations

from pathlib import Path

from tests.natlab import natlab
from tests.natlab.natkinds import CASES, read_nat, survey_all
from tests.natlab.nodes import LabNode

SOME = ("firewall", "full-cone-hairpin", "restricted-cone", "port-restricted-rst", "symmetric-sequential", "no-udp")


def test_kinds(lab: natlab.Lab, tmp_path: Path) -> None:
    """Each is found at once, and no restricted one is told to be open; ``tests.natlab.natkinds`` shows all."""
    meanings: dict[str, str] = {}

    def note(name: str, node: LabNode) -> None:
        nat = read_nat(node)
        meanings[name] = "" if nat is None else nat["meaning"]

    watched = survey_all(lab, tmp_path, [CASES[name] for name in SOME], 1, note)
    for each in watched:
        assert each.right == 1, (each.case.name, dict(each.results))
        assert not each.was_open_wrongly
    assert "Restricted-cone" in meanings["restricted-cone"]
    assert "UDP is blocked" in meanings["no-udp"]
    assert "foretold" in meanings["symmetric-sequential"]
    assert "firewall" in meanings["firewall"]
