"""Example calls."""

EXAMPLES: dict[str, tuple[str, str]] = {}
