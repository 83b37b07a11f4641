"""What each source said of a channel and its posts, and when: of this the history is made."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.tenant_rows import TenantRows
from media.models.channel import Channel
from media.models.media_object import MediaObject
from media.models.post import Post


class SourceKind(models.TextChoices):
    EXPORT = "export", pgettext_lazy("source of posts", "export")
    LIVE = "live", pgettext_lazy("source of posts", "Telegram")


class ChannelSource(models.Model):
    """
    A source that had a channel: an export, named by its age (`Chat.as_of`), or a Telegram account.

    `moment` is when an export was made, as far as it says so. From `covered_from` to `covered_to`
    (message ids) the source was read without a gap: a post between them that it had not was
    deleted by then. Both are empty where that does not follow, as for groups and live sources.
    """

    tenant_path: ClassVar = "channel__tenant"

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="sources")
    kind = models.CharField(max_length=8, choices=SourceKind.choices)
    name = models.CharField(max_length=64)
    moment = models.DateTimeField(null=True)
    run = models.ForeignKey("media.ImportRun", on_delete=models.SET_NULL, null=True)
    covered_from = models.BigIntegerField(null=True)
    covered_to = models.BigIntegerField(null=True)
    is_complete = models.BooleanField(default=True)
    """False once something was read that may be any message."""

    objects = TenantRows()

    class Meta:
        db_table = "channel_sources"
        verbose_name = _("source of a channel")
        verbose_name_plural = _("sources of channels")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["channel", "kind", "name"], name="channel_source_once")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.name}"


class ChannelState(models.Model):
    """Title, public name, kind and ids of a channel as a source saw them at an instant."""

    tenant_path: ClassVar = "channel__tenant"

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="states")
    source = models.ForeignKey(ChannelSource, on_delete=models.CASCADE, related_name="states")
    seen_at = models.DateTimeField()
    title = models.CharField(max_length=255, blank=True, default="")
    username = models.CharField(max_length=64, blank=True, default="")
    kind = models.CharField(max_length=32, blank=True, default="")
    migrated_from = models.BigIntegerField(null=True)
    migrated_to = models.BigIntegerField(null=True)
    is_private = models.BooleanField(default=False)
    """The source may not read it any more."""

    objects = TenantRows()

    class Meta:
        db_table = "channel_history"
        verbose_name = _("state of a channel")
        verbose_name_plural = _("states of channels")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["channel", "source", "seen_at"], name="channel_state_once"
            )
        ]

    def __str__(self) -> str:
        return self.title


class PostSource(models.Model):
    """
    What a source said of a post: which content, from when to when, and with which counts.

    `version` is the key of a `PostVersion`. It is empty as long as no source said anything else of
    the post than any other: then the row of the post is that content, and an import of posts that
    never change writes no versions. `gaps` are the parts of the content that this source did not
    say, see `media.posts.content`. Besides keys there are DELETED and SEEN.
    """

    DELETED: ClassVar = "deleted"
    """The source said that the post was deleted, first at `first_seen_at`."""
    SEEN: ClassVar = "seen"
    """The source had the post, which could not be read."""

    tenant_path: ClassVar = "post__tenant"

    pk = models.CompositePrimaryKey("post", "source", "version")
    # No constraints of the database: checking both cost a tenth of an import. Rows are made of
    # posts that exist, and go with them. No index either: the primary key begins with the post.
    post = models.ForeignKey(
        Post, on_delete=models.CASCADE, related_name="said", db_index=False, db_constraint=False
    )
    source = models.ForeignKey(
        ChannelSource, on_delete=models.CASCADE, db_index=False, db_constraint=False
    )
    version = models.CharField(max_length=32, blank=True, default="")
    gaps = models.SmallIntegerField(default=0)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    views = models.BigIntegerField(null=True)
    forwards = models.BigIntegerField(null=True)
    replies = models.BigIntegerField(null=True)
    reactions = models.BigIntegerField(null=True)

    objects = TenantRows()

    class Meta:
        db_table = "post_sources"
        verbose_name = _("source of a post")
        verbose_name_plural = _("sources of posts")

    def __str__(self) -> str:
        return self.version


class MessageSource(models.Model):
    """
    What a source said of a message before the archive had its post: DELETED or SEEN of `PostSource`.

    An older export may bring the post later. Then this becomes a `PostSource`, so that the archive
    is the same in whatever order its sources came.
    """

    tenant_path: ClassVar = "source__channel__tenant"

    source = models.ForeignKey(
        ChannelSource, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    telegram_message_id = models.BigIntegerField()
    version = models.CharField(max_length=32)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    objects = TenantRows()

    class Meta:
        db_table = "message_sources"
        verbose_name = _("source of a message without a post")
        verbose_name_plural = _("sources of messages without posts")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["source", "telegram_message_id", "version"], name="message_source_once"
            )
        ]

    def __str__(self) -> str:
        return f"#{self.telegram_message_id} {self.version}"


class PostVersion(models.Model):
    """
    A content of a post, with the time of the edit that made it as its source has it.

    `key` is made of both (`media.posts.content`). Rows exist only for posts of which sources
    said different things.
    """

    tenant_path: ClassVar = "post__tenant"

    post = models.ForeignKey(
        Post, on_delete=models.CASCADE, related_name="versions", db_index=False
    )
    key = models.CharField(max_length=32)
    edited_at = models.DateTimeField(null=True)
    content = models.JSONField()
    media: "models.ManyToManyField[MediaObject, PostVersionMedia]" = models.ManyToManyField(
        MediaObject, through="PostVersionMedia", related_name="versions"
    )

    objects = TenantRows()

    class Meta:
        db_table = "post_versions"
        verbose_name = _("version of a post")
        verbose_name_plural = _("versions of posts")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["post", "key"], name="post_version_once")
        ]

    def __str__(self) -> str:
        return self.key


class PostVersionMedia(models.Model):
    """A file that a version shows: counted in `MediaObject.refs_count`, so no cleanup evicts it."""

    tenant_path: ClassVar = "version__post__tenant"

    version = models.ForeignKey(
        PostVersion, on_delete=models.CASCADE, related_name="version_media", db_index=False
    )
    media_object = models.ForeignKey(MediaObject, on_delete=models.PROTECT)
    position = models.PositiveSmallIntegerField(default=0)

    objects = TenantRows()

    class Meta:
        db_table = "post_version_media"
        verbose_name = _("media of a version")
        verbose_name_plural = _("media of versions")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["version", "position"], name="post_version_media_position_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.position)


class PostCounts(models.Model):
    """
    The last reading of a post's counts within a bucket of its age (`media.history.counts.schedule`).

    One row for each bucket: so the history of a post is bounded, and thins out with its age.
    """

    tenant_path: ClassVar = "post__tenant"

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="counts", db_index=False)
    bucket = models.PositiveSmallIntegerField()
    read_at = models.DateTimeField()
    views = models.BigIntegerField(null=True)
    forwards = models.BigIntegerField(null=True)
    replies = models.BigIntegerField(null=True)
    reactions = models.BigIntegerField(null=True)

    objects = TenantRows()

    class Meta:
        db_table = "post_counts"
        verbose_name = _("counts of a post")
        verbose_name_plural = _("counts of posts")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["post", "bucket"], name="post_counts_once")
        ]
        indexes: ClassVar = [models.Index(fields=["read_at"], name="idx_post_counts_read_at")]

    def __str__(self) -> str:
        return f"{self.read_at:%Y-%m-%d %H:%M}"


class CountsDue(models.Model):
    """When the counts of a post are to be read again from Telegram."""

    tenant_path: ClassVar = "post__tenant"

    post = models.OneToOneField(
        Post, on_delete=models.CASCADE, primary_key=True, related_name="counts_due"
    )
    due_at = models.DateTimeField(db_index=True)

    objects = TenantRows()

    class Meta:
        db_table = "post_counts_due"
        verbose_name = _("next reading of counts")
        verbose_name_plural = _("next readings of counts")

    def __str__(self) -> str:
        return f"{self.due_at:%Y-%m-%d %H:%M}"


class MassDeletion(models.Model):
    """Many posts of a channel were deleted in a short time. They stay in the archive, marked."""

    tenant_path: ClassVar = "channel__tenant"

    channel = models.ForeignKey(
        Channel, on_delete=models.CASCADE, related_name="mass_deletions", db_index=False
    )
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    posts = models.PositiveIntegerField()
    of_posts = models.PositiveIntegerField()

    objects = TenantRows()

    class Meta:
        db_table = "mass_deletions"
        verbose_name = _("mass deletion")
        verbose_name_plural = _("mass deletions")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["channel", "first_at"], name="mass_deletion_once"),
            models.CheckConstraint(
                condition=Q(posts__gt=0, of_posts__gt=0), name="mass_deletion_counts_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.posts} / {self.of_posts}"
