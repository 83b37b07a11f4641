"""The parts of `diag_albums`."""
