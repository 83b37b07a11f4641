"""
Checking that ledger and bucket agree, and repairing where they do not (CONTRACT §18.H 10).

`check` walks through both in the order of keys and records differences; `repair` corrects those
that still exist when it examines them again. Before either, `marker` makes sure that the bucket
is the right one; and nothing is deleted that was not in quarantine (`orphans`).
"""
