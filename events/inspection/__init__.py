"""What this room checks about itself: PostgreSQL, the queue, workers, and who waits for whom."""
