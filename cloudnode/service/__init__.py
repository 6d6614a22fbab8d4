"""The node as a service: its options, its logs, the composition of its parts, and how twistd runs it."""
