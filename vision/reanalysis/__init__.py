"""Looking again at what was looked at before: which posts, what it costs, and asking for it."""
