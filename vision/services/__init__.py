"""Services of vision: analyze a post, one picture with either provider, retry the backlog."""
