"""Table 4 of the state: what governs the network itself, by name.

``genesis`` holds the network id; ``validators`` the epoch (u64) and the validators' keys, 32 bytes each, in the
order of their indexes. The trie binds SHA-256 of the name to SHA-256 of the content.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

GENESIS = "genesis"
VALIDATORS = "validators"


def system_row(name: str, content: bytes) -> tuple[bytes, bytes]:
    """The key and the value of a row as the trie binds them."""
    return sha256(name.encode()).digest(), sha256(content).digest()


def encode_validators(epoch: int, validators: Sequence[bytes]) -> bytes:
    """The content of ``validators``."""
    return epoch.to_bytes(8, "big") + b"".join(validators)
