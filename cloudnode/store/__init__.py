"""Where the ledger is kept: SQLite behind the interfaces of :mod:`cloudnode.ledger`."""
