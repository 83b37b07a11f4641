"""Analyzing posts again: which posts, what that costs, and publishing the events for it."""
