"""The channel that `make demo` imports: invented posts, pictures drawn by a script."""
