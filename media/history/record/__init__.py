"""Write what sources say of channels and posts, in the transaction that the caller has."""
