"""Which workers are alive, and what each of them serves."""
