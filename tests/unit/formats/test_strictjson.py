"""Strict JSON."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cloudnode.formats.canonical import canonical
from cloudnode.formats.errors import LocalError
from cloudnode.formats.strictjson import DEPTH_MAX, INTEGER_MAX, check_strict, decode_strict
from tests.unit.formats.support import FormatTestCase, damaged, load
from tests.vectors.spelling import unspelled

_characters = st.characters(exclude_categories=("Cs",))
_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | st.text(_characters),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(_characters), inner, max_size=4),
    max_leaves=20,
)
_texts = [unspelled(case["text"]) for kind in ("accepted", "refused") for case in load("json.json")[kind]]


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


class StrictTests(FormatTestCase):
    def test_vectors(self) -> None:
        """The vectors' texts have their values, or are refused with their codes."""
        cases = load("json.json")
        for case in cases["accepted"]:
            self.assertEqual(decode_strict(unspelled(case["text"])), case["value"], case["name"])
        for case in cases["refused"]:
            self.assert_refused(case["code"], decode_strict, unspelled(case["text"]), name=case["name"])

    def test_check_takes_text(self) -> None:
        """Checking takes bytes and text, and text with a surrogate is none."""
        check_strict('{"a":1}')
        check_strict(b'{"a":1}')
        self.assert_refused("json_malformed", check_strict, '"\ud800"')

    @given(_values)
    def test_reads_what_the_standard_library_writes(self, value: Any) -> None:
        """Any value of the allowed kinds is read back, whether or not its text is escaped."""
        for escaped in (True, False):
            self.assertEqual(decode_strict(json.dumps(value, ensure_ascii=escaped).encode()), value)

    @given(damaged(*(text for text in _texts if len(text) < 1000)))
    def test_any_bytes(self, raw: bytes) -> None:
        """Any bytes give a value or an error, and a value is what a laxer parser reads, too."""
        value = self.assert_value_or_refused(decode_strict, raw)
        if value is not None:
            self.assertEqual(msgspec.json.decode(raw), value)
            self.assertLessEqual(_depth(value), DEPTH_MAX)

    @given(st.text(alphabet='[]{}",:a1\\', max_size=300))
    def test_depth_by_passes_is_depth(self, text: str) -> None:
        """Whatever a parser without limits reads is refused as too deep exactly if it is deeper than allowed."""
        deep = "[" * 30 + text + "]" * 30
        try:
            value = json.loads(deep)
        except ValueError:
            self.assert_value_or_refused(decode_strict, deep.encode())
            return
        if _depth(value) > DEPTH_MAX:
            self.assert_refused("json_too_deep", decode_strict, deep.encode())

    @given(st.integers(1, 45), st.integers(0, 45))
    def test_depth_with_neighbours(self, depth: int, width: int) -> None:
        """Depth is counted and not brackets."""
        text = (b"[" * depth + b"]" * depth).replace(b"[]", b"[" + b"[]," * width + b"0]")
        if depth + (width > 0) > DEPTH_MAX:
            self.assert_refused("json_too_deep", decode_strict, text)
        else:
            decode_strict(text)

    def test_long_and_bad_is_linear(self) -> None:
        """Texts that would cost a careless check quadratic time are refused (this would take minutes)."""
        for text in (
            b'["' + b'\\"' * 400_000,
            b"[" * 500_000,
            b"[]" * 400_000,
            b'"' * 500_000,
            b"[" * 40 + b"9" * 900_000,
        ):
            self.assert_refused(
                "json_malformed" if text[:2] in (b'["', b"[]", b'""') else "json_too_deep", decode_strict, text
            )


class CanonicalTests(FormatTestCase):
    def test_vectors(self) -> None:
        """The vectors' values have their canonical texts."""
        for case in load("canonical.json")["texts"]:
            self.assertEqual(canonical(json.loads(case["text"])), case["canonical"].encode(), case["name"])

    @given(_values)
    def test_is_the_values_own(self, value: Any) -> None:
        """The canonical text is strict JSON of the same value, and its own canonical text."""
        text = canonical(value)
        self.assertEqual(decode_strict(text) if _depth(value) <= DEPTH_MAX else json.loads(text), value)
        self.assertEqual(canonical(json.loads(text)), text)

    @given(st.dictionaries(st.text(_characters), st.integers(0, 9), min_size=2))
    def test_order_of_insertion_does_not_matter(self, value: dict[str, int]) -> None:
        """Members stand in the order of their names."""
        self.assertEqual(canonical(dict(reversed(value.items()))), canonical(value))

    def test_what_has_none(self) -> None:
        """Floats, large numbers, surrogates, other keys and endless nesting have no canonical text."""
        endless: list[Any] = []
        endless.append(endless)
        for value in (1.0, INTEGER_MAX + 1, "\ud800", {"\ud800": 1}, {1: 1}, b"", [{"a": {1}}], endless):
            self.assertRaises(LocalError, canonical, value)
