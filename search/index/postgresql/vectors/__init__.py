"""Vectors of posts: their table and its index, the search for the nearest, and the posts that wait for one."""
