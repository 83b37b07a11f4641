"""The index in Qdrant, where QDRANT_URL is set: beside the one in PostgreSQL, which answers when it fails."""
