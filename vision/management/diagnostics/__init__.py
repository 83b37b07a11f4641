"""The subcommands of `manage.py diag_vision`, one module each."""
