"""
Channels that are read from Telegram: accounts, passes, gaps and rests.

    sign_in     connect an account, step by step
    feeds       add a channel, and learn what Telegram says of it
    ingest      read a channel: its news, then its history; `passes` does so for all of them
    reading     one stretch of a channel, page by page, through the import's pipeline
    cursors     how far a stretch is read, and which messages failed
    gaps        what is not read, and filling it
"""
