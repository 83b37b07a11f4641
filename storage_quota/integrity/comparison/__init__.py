"""Finding differences of ledger and bucket; nothing here changes either."""
