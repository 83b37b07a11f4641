"""The console's pages of albums."""

from albums.admin import albums, of_post

__all__ = ["albums", "of_post"]
