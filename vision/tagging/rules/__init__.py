"""Rules that give posts a tag: what each of them finds, and its work in the background."""
