"""Ways to damage bytes so that they get past a parser's first check and trip over a later one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

_NUMBERS = (0, 1, 2, 31, 32, 33, 63, 64, 126, 127, 128, 255, 256, 32767, 65535, 65536, 2**31, 2**32 - 1, 2**53, 2**63)
_LONGEST = 100_000
_VALUES = (
    b"null", b"true", b"0", b"-1", b"1", b"5", b"6", b"1.0", b"1e2", b"-0", b"9007199254740991", b"9007199254740992",
    b"9" * 30, b'""', b'"1"', b'"x"', b'"\\u0000"', b'"\\ud800"', b'"\\\\"', b'"a:b"', b'"\xc3\xbc"', b"[]", b"{}",
    b"[1,2]", b'{"a":1,"a":2}', b'{"height":1,"index":0}', b"[" * 40 + b"]" * 40, b'"' + b"ab" * 32 + b'"', b'"/"',
)  # fmt: skip


class Mutator:
    """Makes inputs from seeds.

    :param words: Pieces that mean something to the parser, put in now and then.
    """

    def __init__(self, random: Random, words: Sequence[bytes] = ()) -> None:
        self._random = random
        self._words = list(words)
        self._ways: list[Callable[[bytes], bytes]] = [
            self._flip,
            self._flip,
            self._byte,
            self._cut,
            self._cut_end,
            self._double,
            self._insert,
            self._number,
            self._swap,
        ]
        if words:
            self._ways += [self._word, self._word, self._replace_by_word]
        if b":" in self._words:
            self._ways += [self._value, self._value, self._value, self._member]

    def mutate(self, seeds: Sequence[bytes]) -> bytes:
        """A seed with one to a dozen changes, two seeds put together, or (rarely) nothing but chance."""
        chance = self._random
        kind = chance.random()
        if kind < 0.02:
            return chance.randbytes(chance.randrange(200))
        raw = chance.choice(seeds)
        if kind < 0.12:
            other = chance.choice(seeds)
            raw = raw[: chance.randint(0, len(raw))] + other[chance.randint(0, len(other)) :]
        for _ in range(1 + int(chance.expovariate(0.5))):
            raw = chance.choice(self._ways)(raw)
        return raw[:_LONGEST]

    def _at(self, raw: bytes) -> int:
        return self._random.randint(0, len(raw))

    def _flip(self, raw: bytes) -> bytes:
        if not raw:
            return raw
        at = self._random.randrange(len(raw))
        return raw[:at] + bytes([raw[at] ^ 1 << self._random.randrange(8)]) + raw[at + 1 :]

    def _byte(self, raw: bytes) -> bytes:
        at = self._at(raw)
        return raw[:at] + self._random.randbytes(1) + raw[at + 1 :]

    def _cut(self, raw: bytes) -> bytes:
        at = self._at(raw)
        return raw[:at] + raw[at + int(self._random.expovariate(0.1)) + 1 :]

    def _cut_end(self, raw: bytes) -> bytes:
        return raw[: self._at(raw)]

    def _double(self, raw: bytes) -> bytes:
        start, length = self._at(raw), int(self._random.expovariate(0.05)) + 1
        piece = raw[start : start + length]
        times = self._random.choice((1, 1, 2, 8, 40))
        at = self._random.choice((start, self._at(raw)))
        return raw[:at] + piece * times + raw[at:]

    def _insert(self, raw: bytes) -> bytes:
        at = self._at(raw)
        return raw[:at] + self._random.randbytes(self._random.randint(1, 8)) + raw[at:]

    def _number(self, raw: bytes) -> bytes:
        """A number of 1 to 8 bytes in place of others: lengths and counts are where parsers break."""
        size = self._random.choice((1, 2, 4, 8))
        at = self._at(raw)
        number = self._random.choice(_NUMBERS) + self._random.choice((-1, 0, 0, 1))
        return raw[:at] + (number % (1 << 8 * size)).to_bytes(size, "big") + raw[at + size :]

    def _swap(self, raw: bytes) -> bytes:
        first, second, third = sorted(self._at(raw) for _ in range(3))
        return raw[:first] + raw[second:third] + raw[first:second] + raw[third:]

    def _word(self, raw: bytes) -> bytes:
        at = self._at(raw)
        return raw[:at] + self._random.choice(self._words) + raw[at:]

    def _replace_by_word(self, raw: bytes) -> bytes:
        """One of the words by another."""
        at = raw.find(old := self._random.choice(self._words))
        if at < 0:
            return self._word(raw)
        return raw[:at] + self._random.choice(self._words) + raw[at + len(old) :]

    # JSON that stays JSON, mostly

    def _value(self, raw: bytes) -> bytes:
        """Another value for a member."""
        found = self._find(raw, b":")
        if found is None:
            return raw
        return raw[: found + 1] + self._random.choice(_VALUES) + raw[self._value_end(raw, found + 1) :]

    def _member(self, raw: bytes) -> bytes:
        """A member twice, once more elsewhere, or not at all."""
        found = self._find(raw, b'"')
        colon = -1 if found is None else raw.find(b":", found)
        if found is None or colon < 0:
            return raw
        end = self._value_end(raw, colon + 1)
        member = raw[found:end]
        kind = self._random.randrange(3)
        if kind == 0:
            return raw[:found] + member + b"," + raw[found:]
        if kind == 1:
            return raw[:found] + raw[end + 1 :]
        at = self._find(raw, b"{")
        return raw if at is None else raw[: at + 1] + member + b"," + raw[at + 1 :]

    def _find(self, raw: bytes, wanted: bytes) -> int | None:
        places = [at for at in range(len(raw)) if raw[at : at + 1] == wanted] if len(raw) < 5_000 else []
        return self._random.choice(places) if places else None

    @staticmethod
    def _value_end(raw: bytes, start: int) -> int:
        ends = [end for mark in (b",", b"}", b"]") if (end := raw.find(mark, start)) >= 0]
        return min(ends, default=len(raw))
