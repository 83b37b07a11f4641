"""
Accounts of Telegram: connected, at rest, signed in.

    sign_in     connect an account, step by step
    access      Telegram through a stored account
    encryption  sessions are stored encrypted
    rests       what is not asked again until when
"""
