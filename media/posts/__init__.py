"""Posts before they are rows: the message that was read, the row made of it, and its events."""
