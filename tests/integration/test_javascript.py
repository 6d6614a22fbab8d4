"""The JavaScript module: its types, its own tests, and that what is made from it and committed is fresh."""

from __future__ import annotations

import re

import pytest

from tests.integration.npm import MODULE, need_npm, run


@pytest.fixture(autouse=True, scope="module")
def npm() -> None:
    """Node.js with what the module's tests need."""
    need_npm()


def test_types() -> None:
    """The compiler finds nothing to say of the sources and of their tests."""
    run("npm", "run", "--silent", "lint")


def test_module() -> None:
    """Its own tests, by Node.js's runner, pass; a run of none would pass as well, so they are counted."""
    files = sorted(str(path.relative_to(MODULE)) for path in MODULE.glob("test/*.test.js"))  # as in `npm test`
    told = run("node", "--test", "--test-reporter=tap", *files)
    counts = {name: int(count) for name, count in re.findall(r"^# (tests|pass|fail) (\d+)$", told, re.MULTILINE)}
    assert counts["tests"] >= 80
    assert (counts["pass"], counts["fail"]) == (counts["tests"], 0), told
