"""A node of a network whose nodes all hold an identical database."""

__version__ = "0.1.0"
