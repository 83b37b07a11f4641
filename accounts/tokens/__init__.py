"""
Tokens of the API: `issue` makes them, `revoke` ends them, `authentication` takes them.

A token names a user and limits what that user may do by it; what the user may do is asked at each
request, so a token is never worth more than its owner is at the moment.
"""
