"""What came in: channels, their posts, and the blobs posts share."""

import uuid
from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import F, FloatField, Q, Value
from django.db.models.functions import Left, Ln
from django.utils.translation import gettext_lazy as _

from media.sources.port import MediaKind

SEARCHED_WORDS = SearchVector(Left("content", 50_000), config="russian")
"""
The words of a post that are searched. A tsvector holds 1 MB: Telegram's own posts have at most
4 096 characters, a file that claims to be an export may have any number.
"""
MAX_MEDIA_BYTES = 40 * 1024**2
"""Largest stored object (CONTRACT §2.4)."""


def channel_id(tenant_id: uuid.UUID, tg_channel_id: int) -> uuid.UUID:
    """Ids follow from what they name, so a source knows them before the database does."""
    return uuid.uuid5(tenant_id, f"channel:{tg_channel_id}")


def post_id(channel: uuid.UUID, telegram_message_id: int) -> uuid.UUID:
    return uuid.uuid5(channel, f"post:{telegram_message_id}")


def media_object_id(tenant_id: uuid.UUID, sha256: str) -> uuid.UUID:
    return uuid.uuid5(tenant_id, f"media:{sha256}")


class Channel(models.Model):
    """A Telegram channel as one tenant follows it. Tenants that follow the same have a row each."""

    id = models.UUIDField(primary_key=True, editable=False)
    tenant = models.ForeignKey(
        "accounts.Tenant",
        on_delete=models.PROTECT,
        related_name="channels",
        verbose_name=_("tenant"),
    )
    tg_channel_id = models.BigIntegerField(_("Telegram id"))
    username = models.CharField(_("username"), max_length=64, blank=True, default="")
    title = models.CharField(_("title"), max_length=255, blank=True, default="")
    kind = models.CharField(_("kind"), max_length=32, blank=True, default="")
    is_active = models.BooleanField(_("active"), default=True)
    last_message_id = models.BigIntegerField(_("last message"), null=True, blank=True)
    last_message_at = models.DateTimeField(_("last message at"), null=True, blank=True)
    last_parsed_at = models.DateTimeField(_("last parsed at"), null=True, blank=True)
    settings = models.JSONField(_("settings"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        db_table = "channels"
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "tg_channel_id"], name="channel_once"),
            models.CheckConstraint(condition=Q(tg_channel_id__lt=0), name="channel_marked_id"),
        ]

    def __str__(self) -> str:
        return self.title or str(self.tg_channel_id)


class MediaState(models.TextChoices):
    """What became of the file of a post; empty when the post has none."""

    STORED = "stored", _("stored")
    NOT_INCLUDED = "not_included", _("not included in the export")
    EXCEEDS_LIMIT = "exceeds_limit", _("left out by the export's size limit")
    UNAVAILABLE = "unavailable", _("unavailable in Telegram")
    PAID = "paid", _("paid media")
    TOO_LARGE = "too_large", _("too large for the archive")
    QUOTA_EXCEEDED = "quota_exceeded", _("no room in the bucket")
    MISSING = "missing", _("missing on disk")
    EMPTY = "empty", _("empty file")
    UNREADABLE = "unreadable", _("unreadable file")
    UNSAFE_PATH = "unsafe_path", _("path leaves the export")


class Post(models.Model):
    """One message of a channel."""

    id = models.UUIDField(primary_key=True, editable=False)
    tenant = models.ForeignKey(
        "accounts.Tenant",
        on_delete=models.PROTECT,
        related_name="posts",
        verbose_name=_("tenant"),
    )
    channel = models.ForeignKey(
        Channel, on_delete=models.CASCADE, related_name="posts", verbose_name=_("channel")
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
    views_count = models.PositiveBigIntegerField(_("views"), default=0)
    forwards_count = models.PositiveBigIntegerField(_("forwards"), default=0)
    reactions_count = models.PositiveBigIntegerField(_("reactions"), default=0)
    replies_count = models.PositiveBigIntegerField(_("replies"), default=0)
    reactions = models.JSONField(_("reactions by kind"), default=list, blank=True)
    engagement_score = models.GeneratedField(
        verbose_name=_("engagement"),
        # log10(1+views) + 2 log10(1+reactions) + 3 log10(1+forwards) + log10(1+replies): CONTRACT §8.4
        expression=(
            Ln(F("views_count") + Value(1.0))
            + Ln(F("reactions_count") + Value(1.0)) * Value(2.0)
            + Ln(F("forwards_count") + Value(1.0)) * Value(3.0)
            + Ln(F("replies_count") + Value(1.0))
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

    source_fingerprint = models.CharField(max_length=64, blank=True, default="", editable=False)
    fingerprint = models.CharField(max_length=64, blank=True, default="", editable=False)
    revision = models.PositiveIntegerField(_("revision"), default=0)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

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
        ]
        indexes: ClassVar = [
            models.Index(fields=["-posted_at", "-id"], name="idx_posts_posted_at"),
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
            GinIndex(SEARCHED_WORDS, name="idx_posts_content_words"),
        ]

    def __str__(self) -> str:
        return f"{self.channel_id}/{self.telegram_message_id}"


class MediaObject(models.Model):
    """A blob, known by its content. Two posts with the same picture share one row."""

    id = models.UUIDField(primary_key=True, editable=False)
    tenant = models.ForeignKey(
        "accounts.Tenant",
        on_delete=models.PROTECT,
        related_name="media",
        verbose_name=_("tenant"),
    )
    file_sha256 = models.CharField(_("SHA-256"), max_length=64)
    mime = models.CharField(_("type"), max_length=127)
    size_bytes = models.PositiveBigIntegerField(_("size"))
    s3_key = models.CharField(_("key"), max_length=300)
    s3_bucket = models.CharField(_("bucket"), max_length=100, blank=True, default="")
    width = models.PositiveIntegerField(_("width"), null=True, blank=True)
    height = models.PositiveIntegerField(_("height"), null=True, blank=True)
    duration_seconds = models.FloatField(_("duration, s"), null=True, blank=True)
    refs_count = models.PositiveIntegerField(
        _("references"), default=0, help_text=_("kept by a trigger on post_media_map")
    )
    first_seen_at = models.DateTimeField(_("first seen at"))
    last_seen_at = models.DateTimeField(_("last seen at"))

    class Meta:
        db_table = "media_objects"
        verbose_name = _("media object")
        verbose_name_plural = _("media objects")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "file_sha256"], name="media_object_once"),
            models.CheckConstraint(
                condition=Q(file_sha256__regex=r"^[0-9a-f]{64}$"), name="media_object_sha256_hex"
            ),
            models.CheckConstraint(
                condition=Q(size_bytes__gt=0, size_bytes__lte=MAX_MEDIA_BYTES),
                name="media_object_size_bounds",
            ),
            # CONTRACT §8.1 allows image, video and application; voice messages and text files
            # of real channels need two more.
            models.CheckConstraint(
                condition=Q(mime__regex=r"^(image|video|audio|text|application)/"),
                name="media_object_mime_known",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["mime"], name="idx_media_mime"),
            models.Index(fields=["size_bytes"], name="idx_media_size"),
            models.Index(fields=["refs_count"], name="idx_media_refs"),
            models.Index(fields=["last_seen_at"], name="idx_media_last_seen"),
            models.Index(
                fields=["last_seen_at", "id"], name="idx_media_unused", condition=Q(refs_count=0)
            ),
        ]

    def __str__(self) -> str:
        return self.file_sha256[:12]


class MediaRole(models.TextChoices):
    PRIMARY = "primary", _("primary")
    ATTACHMENT = "attachment", _("attachment")
    THUMBNAIL = "thumbnail", _("thumbnail")


class PostMedia(models.Model):
    """Which post shows which blob. These rows are the references; no counter but the trigger's."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="post_media")
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
        return f"{self.post_id} {self.role}"


class ImportRun(models.Model):
    """One run of `import_export`, so that its summary can be read later."""

    tenant = models.ForeignKey(
        "accounts.Tenant", on_delete=models.CASCADE, verbose_name=_("tenant")
    )
    path = models.CharField(_("path"), max_length=1000)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    summary = models.JSONField(_("summary"), default=dict)

    class Meta:
        db_table = "import_runs"
        verbose_name = _("import")
        verbose_name_plural = _("imports")

    def __str__(self) -> str:
        return f"{self.path} ({self.started_at:%Y-%m-%d %H:%M})"


class ImportProblem(models.Model):
    """Something of an import that could not be taken over."""

    run = models.ForeignKey(
        ImportRun, on_delete=models.CASCADE, related_name="problems", verbose_name=_("import")
    )
    code = models.CharField(_("code"), max_length=64)
    message_id = models.BigIntegerField(_("message id"), null=True, blank=True)
    detail = models.CharField(_("detail"), max_length=1000)

    class Meta:
        db_table = "import_problems"
        verbose_name = _("problem of an import")
        verbose_name_plural = _("problems of imports")

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"
