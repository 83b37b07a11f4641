"""
Objects in the bucket that the ledger does not know.

An orphan may be the last copy of something, if the database was restored from an older backup,
say. So a check only counts it (`records`), a repair puts it into quarantine, and after that it is
examined once more and deleted (`quarantine`), unless a person enters it into the ledger
(`adoption`).
"""
