"""Guesses at passwords and codes: counted, limited, and told apart by browser."""
