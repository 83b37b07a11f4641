"""
The log: one line for each thing worth knowing, as JSON, or as text for a terminal.

Everything that is logged goes through one pipe to stderr: lines of the rooms, of Django, of
django-q2, of gunicorn and of the SDKs, warnings, and what a process dies of. The pipe adds what
the work in hand is about (`events.logs.log_context`), and takes secrets out.
"""
