"""Collect the items of albums from posts, and assemble their summaries."""
