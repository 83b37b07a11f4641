"""One message of an export: its schema, its text, its file, and the album it belongs to."""
