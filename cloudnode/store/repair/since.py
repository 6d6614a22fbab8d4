"""Since when a row holds: what neither the state nor a hash says, found again from what is left of it."""

from __future__ import annotations

from collections.abc import Callable

_SEARCHED = 100_000
"""Heights that are tried against a checksum: a tenth of a second, and one false hit in 40,000 damaged rows."""


def recover_since(
    check_of: Callable[[int], int],
    stored: tuple[object, object] | None,
    replaced_at: int | None,
    least: int,
    newest: int,
) -> int:
    """Find the height from which a row holds.

    :param check_of: The checksum that the row, true in all other columns, has with a height.
    :param stored: The height and the checksum that stand in the damaged row, if there is one.
    :param replaced_at: The greatest ``until`` of the rows that this one replaced, if any is kept: it is that height.
    :param least: The lowest height that can be read (or that of the row's first version, if later). Where all else is
        lost, this reads right at every height that can be asked for.
    :param newest: No row is newer.
    """
    since, check = stored or (None, None)
    if isinstance(since, int) and 0 <= since <= newest and check_of(since) == check:
        return since
    if replaced_at is not None:
        return replaced_at
    if isinstance(check, int):
        for height in range(newest, max(-1, newest - _SEARCHED), -1):
            if check_of(height) == check:
                return height
    if isinstance(since, int) and least < since <= newest:
        return since
    return min(least, newest)
