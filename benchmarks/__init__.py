"""Benchmarks: what the node does, beside what bare libraries do in the same run (docs/benchmarks.md)."""
