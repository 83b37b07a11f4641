"""Which posts are looked at: found by keys, of as many weeks as needed, with enough of the words."""
