"""Counts of posts with their time: when they are read, what is kept of them, and who grew."""
