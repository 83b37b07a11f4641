"""What the room does: read files, take batches of posts over, run whole imports."""
