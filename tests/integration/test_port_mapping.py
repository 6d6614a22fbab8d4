"""Ports that a real router (miniupnpd) forwards to a node because the node asked for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.integration.conftest import ROOT
from tests.natlab import natlab


@pytest.fixture
def mapping_lab(lab: natlab.Lab) -> natlab.Lab:
    """A lab whose routers can map ports."""
    reason = natlab.port_mapping_unavailable_reason()
    if reason is not None:
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return lab


def translations(router: natlab.Router) -> str:
    """What miniupnpd has told the kernel."""
    done = router.run(["nft", "list", "chain", "inet", "natlab", "translate"], capture_output=True, text=True)
    return str(done.stdout)


@pytest.mark.parametrize("method", ["nat-pmp", "pcp", "upnp"])
def test_each_protocol(method: str, mapping_lab: natlab.Lab) -> None:
    """A mapping is made to the port that is wished for, renewed, and deleted."""
    router = mapping_lab.nat("home", port_mapping="all")
    host = router.host("inside")
    asker = host.popen(
        [sys.executable, "-m", "tests.natlab.ask_router", method], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        cwd=ROOT, text=True,
    )  # fmt: skip
    with asker:
        gateway, first, again = json.loads(asker.stdout.readline())
        assert gateway["client"] == host.address
        assert first == again
        assert (first["address"], first["port"]) == (router.public_address, 41_000)
        assert first["method"] == method
        assert "41000" in translations(router)
        asker.stdin.write("\n")
        asker.stdin.close()
        assert asker.wait(10) == 0
    assert "41000" not in translations(router)
