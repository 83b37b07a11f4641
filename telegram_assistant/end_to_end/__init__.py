"""
The end-to-end check of the path of a picture: seven steps, of which the first failure ends it.

CONTRACT §15 has the steps, and the lines that `manage.py e2e_vision` prints.
"""
