"""
Reading a channel: its news, its history, what failed, and counts.

    ingest        news first, then history
    gaps          what is not read, and filling it
    stretch       one stretch of a channel, page by page, through the import's pipeline
    ahead         the next page and the files of those read, on their way before they are needed
    cursors       how far a stretch is read, and which messages failed
    counting      counts of posts read again
"""
