"""More like a post: by what it means, and by what its pictures show."""
