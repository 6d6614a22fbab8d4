"""A network of real processes that takes real input while its nodes are killed, stopped and cut off.

``python -m tests.chaos --help``. It ends with a verdict: whether all databases are the same row for row, hold exactly
what was sent, and have every operation that was answered final.
"""
