"""The parts of `manage.py diag_vision`, a module each."""
