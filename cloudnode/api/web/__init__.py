"""The HTTP site: JSON-RPC by POST, reads for people and caches by GET, health and metrics."""
