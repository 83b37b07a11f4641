"""
Channels that are read from Telegram.

    accounts      accounts, their sessions and rests
    channels      the channels that are followed
    reading       messages and their files into the archive
    live          what happens in channels, as it happens
    passes        the scheduled pass over all channels; `count_passes` reads counts
    health        what `doctor` checks
"""
