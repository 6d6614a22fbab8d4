"""What the tests of the formats share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.errors import CODES, RESULTS, LedgerError
from tests.vectors.generate import DIRECTORY

NAMES = {code.name for code in CODES} | {result.code for result in RESULTS}


def load(name: str) -> Any:
    """The value of a vector file as committed."""
    return json.loads((DIRECTORY / name).read_bytes())


def damaged(*originals: bytes) -> st.SearchStrategy[bytes]:
    """Any bytes, and good ones with a few bytes changed, cut out or put in: these get further into a parser."""

    def damage(raw: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
        for at, length, instead in changes:
            start = at % (len(raw) + 1)
            raw = raw[:start] + instead + raw[start + length :]
        return raw

    change = st.tuples(st.integers(0, 1 << 16), st.integers(0, 3), st.binary(max_size=3))
    return st.one_of(
        st.binary(max_size=400), st.builds(damage, st.sampled_from(originals), st.lists(change, min_size=1, max_size=3))
    )


class FormatTestCase(SynchronousTestCase):
    """A test case that names the code it expects."""

    def assert_refused(self, code: str, call: Callable[..., Any], *arguments: Any, name: str = "") -> None:
        """The call must raise LedgerError with this code."""
        with self.assertRaises(LedgerError, msg=name) as raised:
            call(*arguments)
        self.assertEqual(raised.exception.code, code, name)

    def assert_value_or_refused(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """The call must give a value, or raise LedgerError with a documented code (then None is returned)."""
        try:
            return call(*arguments)
        except LedgerError as error:
            self.assertIn(error.code, NAMES)
            self.assertTrue(error.message)
            return None
