"""Import posts: whole exports (`imports`), batch by batch (`pipeline`)."""
