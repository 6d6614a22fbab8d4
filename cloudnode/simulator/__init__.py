"""A seeded simulator of consensus: many nodes, a bad network and liars in one process (``docs/consensus.md``)."""
