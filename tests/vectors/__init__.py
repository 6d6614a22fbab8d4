"""Test vectors of the formats, for this and for other implementations, and the scripts that make them."""
