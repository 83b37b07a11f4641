"""Variables of people and programs that sign in, and of the record of what they do."""
