"""How a node is reached from outside: NAT mappings, and what nodes tell each other of them (``docs/reach.md``)."""
