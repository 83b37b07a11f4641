"""A tagger that is asked over the network and costs tokens: what it is told, and what of its answers counts."""
