"""
A message of Telethon in the shape that Telegram Desktop exports.

So both sources are read by one code, and the same post is the same whichever brought it.
"""
