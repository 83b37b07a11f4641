"""Pages of the console on which posts are searched, asked and followed."""
