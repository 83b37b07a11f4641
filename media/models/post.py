"""Posts, and which stored files each of them shows."""

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import F, FloatField, Q, Value
from django.db.models.functions import Coalesce, Left, Ln
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.tenant_rows import TenantRows
from media.models.channel import Channel
from media.models.media_object import MediaObject
from media.sources.port import MediaKind

SEARCHED_WORDS = SearchVector(
    Left("content", 50_000),
    Left("other_words", 20_000),
    Left("picture_words", 50_000),
    config="russian",
)
"""
The words of a post that are searched. A tsvector holds 1 MB: Telegram's own posts have at most
4 096 characters, a file that claims to be an export may have any number.
"""


class MediaState(models.TextChoices):
    """Whether the file of a post is stored, or why not; empty when the post has no file."""

    STORED = "stored", _("stored")
    NOT_INCLUDED = "not_included", _("not included in the export")
    EXCEEDS_LIMIT = "exceeds_limit", _("left out by the export's size limit")
    UNAVAILABLE = "unavailable", _("unavailable in Telegram")
    PAID = "paid", _("paid media")
    TOO_LARGE = "too_large", _("too large for the archive")
    QUOTA_EXCEEDED = "quota_exceeded", _("no room in the bucket")
    MISSING = "missing", _("file missing")
    EMPTY = "empty", _("empty file")
    UNREADABLE = "unreadable", _("unreadable file")
    UNSAFE_PATH = "unsafe_path", _("path leaves the export")


class Deletion(models.TextChoices):
    """How it is known that a post was deleted in Telegram; empty for one that was not."""

    ABSENT = "absent", _("a later export does not have it")
    LIVE = "live", _("Telegram said so")


class Post(models.Model):
    """
    One message of a channel.

    Three hashes (SHA-256, hex) answer three questions. `source_fingerprint`: did the message change
    in the source? It is of the message as the source has it, the size of its file, and its album;
    while it is equal, an import skips the message, unless its file could not be stored last time.
    It is emptied when the stored file is lost, so that the next import stores the file again.
    `fingerprint`: did anything change that subscribers of `posts.parsed` use (text, links, album,
    media, edited or not, forward, reply)? While it is equal, a change of the row, such as more
    views, publishes no event. `revision` counts its changes and is part of the keys of later
    events. `content_hash`: is it the same text? It is of the lower-cased, trimmed text, empty
    without one; it is passed on in `posts.parsed` and decides nothing here.

    `as_of` is the age of the newest source that had the message (see `Chat.as_of`), and a later
    `PostSighting` may know of a newer one; `older_fields` has the ages of what only older sources
    said. `run_id` is that of the neighbors which albums are made of (`post_albums`).

    `said_as` is for the source whose fingerprint is in `source_fingerprint`: a digit for the gaps
    in what it said, then the key of the version that it said (`PostSource`); empty for neither.
    A post that was deleted in Telegram stays, with `deleted_at`.
    """

    tenant_path: ClassVar = "tenant"

    id = models.UUIDField(primary_key=True, editable=False)
    tenant = models.ForeignKey(
        "accounts.Tenant",
        on_delete=models.PROTECT,
        related_name="posts",
        db_index=False,  # idx_posts_tenant begins with it
        verbose_name=_("tenant"),
    )
    channel = models.ForeignKey(
        Channel,
        on_delete=models.CASCADE,
        related_name="posts",
        db_index=False,  # as idx_posts_channel does
        verbose_name=_("channel"),
    )
    telegram_message_id = models.BigIntegerField(_("message id"))
    grouped_id = models.BigIntegerField(
        _("album"), null=True, blank=True, help_text=_("negative: found by the import's rule")
    )
    source = models.CharField(_("source"), max_length=16, default="channel")
    content = models.TextField(_("text"), blank=True, default="")
    content_hash = models.CharField(max_length=64, blank=True, default="")
    posted_at = models.DateTimeField(_("posted at"))
    is_edited = models.BooleanField(_("edited"), default=False)
    edited_at = models.DateTimeField(_("edited at"), null=True, blank=True)
    telegram_post_url = models.CharField(_("link"), max_length=200, blank=True, default="")
    urls = models.JSONField(_("links in the text"), default=list, blank=True)
    mentions = models.JSONField(_("mentions"), default=list, blank=True)
    hashtags = models.JSONField(_("hashtags"), default=list, blank=True)

    has_media = models.BooleanField(_("has media"), default=False)
    media_kind = models.CharField(
        _("media kind"),
        max_length=16,
        blank=True,
        default="",
        choices=[(kind.value, _(kind.value.replace("_", " "))) for kind in MediaKind],
    )
    media_state = models.CharField(
        _("media state"), max_length=16, blank=True, default="", choices=MediaState.choices
    )
    media_name = models.CharField(_("file name"), max_length=255, blank=True, default="")
    media: "models.ManyToManyField[MediaObject, PostMedia]" = models.ManyToManyField(
        "MediaObject", through="PostMedia", related_name="posts", verbose_name=_("media")
    )

    post_author = models.CharField(_("author"), max_length=255, blank=True, default="")
    via_bot = models.CharField(_("via bot"), max_length=64, blank=True, default="")
    # NULL where the source does not say: exports of Telegram Desktop have none of the three.
    views_count = models.PositiveBigIntegerField(_("views"), null=True, blank=True)
    forwards_count = models.PositiveBigIntegerField(_("forwards"), null=True, blank=True)
    reactions_count = models.PositiveBigIntegerField(_("reactions"), default=0)
    replies_count = models.PositiveBigIntegerField(_("replies"), null=True, blank=True)
    reactions = models.JSONField(_("reactions by kind"), default=list, blank=True)
    engagement_score = models.GeneratedField(
        verbose_name=_("engagement"),
        # log10(1+views) + 2 log10(1+reactions) + 3 log10(1+forwards) + log10(1+replies): CONTRACT §8.4.
        # What is unknown counts as 0.
        expression=(
            Ln(Coalesce(F("views_count"), Value(0)) + Value(1.0))
            + Ln(F("reactions_count") + Value(1.0)) * Value(2.0)
            + Ln(Coalesce(F("forwards_count"), Value(0)) + Value(1.0)) * Value(3.0)
            + Ln(Coalesce(F("replies_count"), Value(0)) + Value(1.0))
        )
        / Value(2.302585092994046),
        output_field=FloatField(),
        db_persist=True,
    )
    reply_to_message_id = models.BigIntegerField(_("reply to"), null=True, blank=True)
    reply_to_chat_id = models.BigIntegerField(_("reply to chat"), null=True, blank=True)
    forward_from_name = models.CharField(
        _("forwarded from"), max_length=255, blank=True, default=""
    )
    forward_from_chat_id = models.BigIntegerField(_("forwarded from id"), null=True, blank=True)
    forward_from_message_id = models.BigIntegerField(null=True, blank=True)
    forward_date = models.DateTimeField(_("forwarded at"), null=True, blank=True)
    is_forward = models.BooleanField(_("forward"), default=False)
    extra = models.JSONField(_("other content"), default=dict, blank=True)

    other_words = models.TextField(
        _("words outside of the text"),
        blank=True,
        default="",
        help_text=_("of places, games, files and buttons; written by the import"),
    )
    picture_words = models.TextField(
        _("words of its pictures"),
        blank=True,
        default="",
        db_default="",  # no row of an import has it
        help_text=_("recognized and seen in them; written when they are analyzed"),
    )

    deleted_at = models.DateTimeField(
        _("deleted at"),
        null=True,
        blank=True,
        help_text=_("in Telegram: when that was noticed, or the date of the export that lacks it"),
    )
    deletion = models.CharField(
        _("deleted"),
        max_length=8,
        blank=True,
        default="",
        db_default="",  # no row of an import has it
        choices=Deletion.choices,
    )

    source_fingerprint = models.CharField(max_length=64, blank=True, default="", editable=False)
    said_as = models.CharField(max_length=33, blank=True, default="", editable=False)
    fingerprint = models.CharField(max_length=64, blank=True, default="", editable=False)
    revision = models.PositiveIntegerField(_("revision"), default=0)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    as_of = models.CharField(max_length=64, blank=True, default="", editable=False)
    older_fields = models.JSONField(blank=True, default=dict, editable=False)
    run_id = models.BigIntegerField(null=True, blank=True, editable=False)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = TenantRows()

    class Meta:
        db_table = "posts"
        verbose_name = _("post")
        verbose_name_plural = _("posts")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "telegram_message_id"], name="ux_posts_chan_msg"
            ),
            models.CheckConstraint(
                condition=Q(media_state="") | Q(media_state__in=MediaState.values),
                name="post_media_state_known",
            ),
            models.CheckConstraint(
                condition=Q(deletion="", deleted_at__isnull=True)
                | Q(deletion__in=Deletion.values, deleted_at__isnull=False),
                name="post_deletion_has_a_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["-posted_at", "-id"], name="idx_posts_posted_at"),
            models.Index(fields=["tenant", "-posted_at", "-id"], name="idx_posts_tenant"),
            models.Index(fields=["channel", "-posted_at", "-id"], name="idx_posts_channel"),
            models.Index(
                fields=["channel", "-posted_at"],
                name="idx_posts_has_media_true",
                condition=Q(has_media=True),
            ),
            models.Index(
                fields=["channel", "grouped_id"],
                name="idx_posts_with_grouped_id",
                condition=Q(grouped_id__isnull=False),
            ),
            models.Index(
                fields=["channel", "run_id"],
                name="idx_posts_with_run_id",
                condition=Q(run_id__isnull=False),
            ),
            models.Index(
                fields=["channel", "deleted_at"],
                name="idx_posts_deleted",
                condition=Q(deleted_at__isnull=False),
            ),
            GinIndex(SEARCHED_WORDS, name="idx_posts_content_words"),
        ]

    def __str__(self) -> str:
        return f"#{self.telegram_message_id}"


class MediaRole(models.TextChoices):
    PRIMARY = "primary", pgettext_lazy("file of a post", "primary")
    ATTACHMENT = "attachment", _("attachment")
    THUMBNAIL = "thumbnail", _("thumbnail")


class PostMedia(models.Model):
    """A media object that a post shows; a trigger counts these rows in `MediaObject.refs_count`."""

    tenant_path: ClassVar = "post__tenant"

    post = models.ForeignKey(
        Post,
        on_delete=models.CASCADE,
        related_name="post_media",
        db_index=False,  # `post_media_once` begins with it
    )
    media_object = models.ForeignKey(
        MediaObject,
        on_delete=models.PROTECT,
        related_name="post_media",
        verbose_name=_("media object"),
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    role = models.CharField(
        _("role"), max_length=16, choices=MediaRole.choices, default=MediaRole.PRIMARY
    )
    uploaded_at = models.DateTimeField(_("uploaded at"))

    objects = TenantRows()

    class Meta:
        db_table = "post_media_map"
        verbose_name = _("media of a post")
        verbose_name_plural = _("media of posts")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["post", "media_object"], name="post_media_once"),
            models.UniqueConstraint(fields=["post", "position"], name="post_media_position_once"),
            models.CheckConstraint(
                condition=Q(role__in=MediaRole.values), name="post_media_role_known"
            ),
        ]

    def __str__(self) -> str:
        return str(self.get_role_display())


class PostSighting(models.Model):
    """
    A newer source had the message as it is stored.

    A table of its own: a newer export sees every post again, and writing all those wide rows with
    their indexes anew would cost as much as their first import.
    """

    post = models.OneToOneField(
        Post, on_delete=models.CASCADE, primary_key=True, related_name="sighting"
    )
    as_of = models.CharField(max_length=64)

    class Meta:
        db_table = "post_sightings"
        verbose_name = _("sighting of a post")
        verbose_name_plural = _("sightings of posts")

    def __str__(self) -> str:
        return self.as_of
