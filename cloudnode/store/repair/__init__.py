"""Making a damaged database true again: from its own rows, and from what other nodes send, each piece checked."""
