"""Signing in: the one door of console and API documentation, its limits, and its sessions."""
