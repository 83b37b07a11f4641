"""The rules of `accounts.access` for whoever asks by permission: Django, and its REST framework."""
