"""The history of posts and channels: what each source said of them, and when."""
