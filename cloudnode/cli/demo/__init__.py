"""A whole network of real node processes on this machine, shown live: ``cloudnode demo``."""
