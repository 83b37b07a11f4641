"""/api/v1/posts/…: the history of posts; /api/v1/growth: the fastest growing ones."""
