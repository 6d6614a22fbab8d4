"""The command ``cloudnode``."""
