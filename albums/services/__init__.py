"""Collect the items of albums, assemble what they say."""
