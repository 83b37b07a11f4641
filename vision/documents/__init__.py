"""
The text of documents: what can be read in a file, with which limits, and how it is kept.

`reading` runs in a process of its own (`process`), since files may be made to do harm.
"""
