"""Hits of a search: two lists become one, and hits get the texts, files and words by which they are shown."""
