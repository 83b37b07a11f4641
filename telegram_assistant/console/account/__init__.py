"""Pages of the console on which everybody in it keeps the own account: preferences and tokens."""
