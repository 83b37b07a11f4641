"""Hits with what is shown of their posts: the post, the matching parts of its texts, its files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from albums.models import MediaGroup
from media.models import Post
from search.fragments import Fragment
from search.services.results import hit_texts
from search.services.results.found_in_files import FileHit, found_in_files
from search.services.results.highlight import highlight
from search.services.results.hit_texts import Field, HitText, Known, Picture
from search.services.results.hits import Hit, Hits

_EMPTY = Fragment("")


@dataclass(frozen=True, slots=True)
class Match:
    """A part of one text of a post that has words of the query."""

    field: Field
    fragment: Fragment
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """
    A hit with its post.

    `fragment` is of the post's text; where there is none, of the first text there is: the caption
    of its album, the words in its pictures or files. `matches` are the texts that have words of the
    query, each by itself. `pictures` are the files that the post shows.

    Where the words are not in that text but in a document of the post, `fragment` is of the
    document, and `file` names it and the page.
    """

    hit: Hit
    post: Post
    fragment: Fragment
    matches: tuple[Match, ...] = ()
    pictures: tuple[Picture, ...] = ()
    album: MediaGroup | None = None
    file: FileHit | None = None

    @property
    def media_count(self) -> int:
        return len(self.pictures)

    @property
    def matching_pictures(self) -> tuple[Picture, ...]:
        """The pictures in which words of the query stand, each once, or that are nearly the picture asked for."""
        same = self.hit.picture.sha256 if self.hit.picture else ""
        found = [match.picture for match in self.matches if match.picture]
        found += [picture for picture in self.pictures if picture.sha256 == same]
        return tuple(dict.fromkeys(found))


def shown(found: Hits) -> list[Shown]:
    """Read what is shown of a page of hits, by a constant number of queries."""
    ids = [hit.post_id for hit in found.hits]
    posts = Post.objects.select_related("channel").in_bulk(ids)
    known = hit_texts.read(ids)
    # A post may have been deleted since it was found.
    hits = [hit for hit in found.hits if hit.post_id in posts]
    texts = {hit.post_id: hit_texts.texts_of(posts[hit.post_id], known) for hit in hits}
    marked = _marked(texts, found.lexemes)
    posts_of_page = [posts[hit.post_id] for hit in hits]
    files = found_in_files(_unexplained(posts_of_page, marked, found.lexemes), found.lexemes)
    return [
        _shown(hit, post, marked[post.pk], known, files.get(post.pk))
        for hit, post in zip(hits, posts_of_page, strict=True)
    ]


def _unexplained(
    posts: Sequence[Post], marked: Mapping[UUID, Sequence[Match]], lexemes: Sequence[str]
) -> list[UUID]:
    """The posts in whose shown text no word of the query stands."""
    shown = {post_id: each[0].fragment if each else _EMPTY for post_id, each in marked.items()}
    asked = (post for post in posts if lexemes or not post.content)
    return [post.pk for post in asked if not shown[post.pk].spans]


def _marked(
    texts: Mapping[UUID, Sequence[HitText]], lexemes: Sequence[str]
) -> dict[UUID, list[Match]]:
    """All texts with their matching words; one query for all."""
    flat = [text.text for each in texts.values() for text in each]
    fragments: Iterator[Fragment] = iter(highlight(flat, lexemes))
    return {
        post_id: [Match(text.field, next(fragments), text.picture) for text in each]
        for post_id, each in texts.items()
    }


def _shown(
    hit: Hit, post: Post, marked: Sequence[Match], known: Known, file: FileHit | None
) -> Shown:
    item = known.items.get(post.pk)
    text = marked[0].fragment if marked else _EMPTY
    return Shown(
        hit=hit,
        post=post,
        fragment=file.fragment if file else text,
        matches=tuple(match for match in marked if match.fragment.spans),
        pictures=tuple(known.pictures.get(post.pk, ())),
        album=item.group if item else None,
        file=file,
    )
