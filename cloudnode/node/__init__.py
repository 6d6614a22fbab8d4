"""The node's one shared ledger object and what keeps it going."""
