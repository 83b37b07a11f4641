"""
Channels that are followed.

    feeds         add a channel, and learn what Telegram says of it
    public_names  its name of today, and the links that it is part of
    status        how far it is read, in figures
"""
