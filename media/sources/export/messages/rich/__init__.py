"""A rich message: blocks within blocks in place of a text, written since summer 2026."""
