"""The index in PostgreSQL: full text, and vectors where the extension is."""
