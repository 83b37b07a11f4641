"""What people did in this room, told to whoever keeps the record of it."""

from django.dispatch import Signal

acted = Signal()
"""
Sent inside the transaction of what was done, with `event` (a code of the audit), `target` (a row
or None), `before` and `after` (small dicts or None), and `tenant_id` (as text; empty where it is nobody's or
everybody's). Whatever a receiver raises undoes it.
"""
