"""Subscribers that note what they are given, for tests that break things under real workers."""
