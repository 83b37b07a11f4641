"""
Do the books and the bucket agree? (CONTRACT §18.H 10)

`check` walks both in the order of keys and writes down where they differ; `repair` mends what
is still so when it looks again. Neither trusts what it cannot see: `marker` tells the right
bucket from a wrong one, and nothing is deleted that did not lie in quarantine (`orphans`).
"""
