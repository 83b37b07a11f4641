"""
What happens in channels, as Telegram says it.

    listener    listens to all accounts, catches up after each break
    changes     new, edited and deleted messages into the archive
    albums      the other items of an album of which one was posted
"""
