"""Look at the media of a post: decide, look (or remember), settle."""
