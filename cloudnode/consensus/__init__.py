"""Simplex consensus as a pure core: events and ``now`` come in, effects come out (``docs/consensus.md``)."""
