"""
Telegram itself as a source of posts, through an account of the operator.

    port       what the archive asks of Telegram, and the values that it gets; a fake implements it
    adapter    the port on Telethon; nothing else imports Telethon
    shape      a message of Telethon in the shape that Telegram Desktop exports
    live_message  the same message read by the same code as an export's, with what only Telegram says
"""
