"""
How often somebody may ask: one statement of PostgreSQL per request, exact on any number of hosts.

`rate` reads what is configured, `limiter` counts, `requests` says who is counted for a request.
"""
