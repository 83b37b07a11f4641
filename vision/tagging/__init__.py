"""Tags of posts: what finds them, how they are kept, and what people decide about them."""
