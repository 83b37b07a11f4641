"""Pages of signing in, and the addresses of all of them."""
