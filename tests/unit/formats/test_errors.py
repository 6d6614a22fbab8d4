"""The table of named errors."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import cloudnode.formats
from cloudnode.formats import errors
from cloudnode.formats.errors import CODES, RESULTS, LedgerError, LocalError, result_code, sentence


class ErrorTableTests(SynchronousTestCase):
    def test_numbers_are_indexes(self) -> None:
        """A result's number is its index, and the constant of the same name has it."""
        for index, result in enumerate(RESULTS):
            self.assertEqual(result.number, index)
            self.assertEqual(getattr(errors, result.code.upper()), index)
            self.assertEqual(result_code(index), result.code)

    def test_unknown_results(self) -> None:
        """A number without a result is our own mistake."""
        for number in (-1, len(RESULTS)):
            self.assertRaises(LocalError, result_code, number)

    def test_every_code_has_a_sentence(self) -> None:
        """Names are words joined by underscores and unique within a group, sentences end in a full stop."""
        for name, text in [(code.name, code.sentence) for code in CODES] + [(r.code, r.sentence) for r in RESULTS]:
            self.assertRegex(name, r"^[a-z]+(_[a-z]+)*$")
            self.assertRegex(text, r"^[A-Z].*\.$")
        self.assertEqual(set(Counter((code.group, code.name) for code in CODES).values()), {1})

    def test_an_error_brings_its_sentence(self) -> None:
        """Without a message of its own an error has the documented one."""
        error = LedgerError("pool_full")
        self.assertEqual(error.message, sentence("pool_full"))
        self.assertEqual(str(error), f"pool_full: {error.message}")
        self.assertEqual(LedgerError("pool_full", "Full.").message, "Full.")

    def test_undocumented_codes(self) -> None:
        """An error can't be made with a code that is not in the table."""
        self.assertRaises(LocalError, LedgerError, "no_such_code")

    def test_all_codes_raised_here_are_documented(self) -> None:
        """Every code that the formats raise by name is in the table."""
        names = {code.name for code in CODES}
        for path in Path(cloudnode.formats.__file__).parent.glob("*.py"):
            for code in re.findall(r'LedgerError\(\s*"([a-z_]+)"', path.read_text()):
                self.assertIn(code, names, path.name)
