"""All targets by name."""

from __future__ import annotations

from tests.fuzz import api, formats, peers, proofs, quic, stun, transports
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        *formats.TARGETS, *proofs.TARGETS, *api.TARGETS, *transports.TARGETS, *quic.TARGETS, *peers.TARGETS,
        *stun.TARGETS,
    )
}
