"""The words that were recognized and seen in the pictures of a post, by which it is found."""

from uuid import UUID

from media.models import Post
from media.posts.searched_text import searched_picture_words


def set_picture_words(post_id: UUID, texts: list[str]) -> None:
    """
    Replace what the search knows of the pictures of a post; empty pieces are left out.

    Idempotent. Call it in the transaction that saves the analysis, with the post locked.
    """
    words = searched_picture_words(texts)
    Post.objects.filter(pk=post_id).exclude(picture_words=words).update(picture_words=words)
