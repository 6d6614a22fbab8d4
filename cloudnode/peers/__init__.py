"""Links between nodes, whom a node is linked with, and what travels over the links."""
