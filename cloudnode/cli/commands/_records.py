"""How records are read from answers and shown to people."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from msgspec import Raw

from cloudnode.client.records import Record


def rating(record: Record) -> str:
    """The average and the number of ratings."""
    if not record.ratings_count:
        return "-"
    return f"{record.ratings_sum / record.ratings_count:.2f} ({record.ratings_count})"


def preview(record: Record) -> str:
    """The data on one line."""
    return bytes(record.data).decode().replace("\n", " ")


def pretty(data: bytes | Raw) -> str:
    """JSON laid out for people."""
    return msgspec.json.format(bytes(data), indent=2).decode()


def when(milliseconds: int) -> str:
    """A time in ms since 1970 as date and time in UTC; the number itself if there is no such date."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"
