"""The words that were recognized and seen in the pictures of a post, by which it is found."""

from unicodedata import normalize
from uuid import UUID

from media.models import Post
from media.posts.searched_text import PICTURE_WORDS_CHARS


def set_picture_words(post_id: UUID, texts: list[str]) -> None:
    """
    Replace what the search knows of the pictures of a post; empty pieces are left out.

    Idempotent. Call it in the transaction that saves the analysis, with the post locked.
    """
    words = normalize("NFC", "\n".join(filter(None, texts)))[:PICTURE_WORDS_CHARS]
    Post.objects.filter(pk=post_id).exclude(picture_words=words).update(picture_words=words)
