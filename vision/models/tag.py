"""Tags of posts: which a tenant has, which a post has, and the rules that give them."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.tenant_rows import TenantRows
from media.models import Channel, Post

NAME_MAX_LENGTH = 64


class TagOrigin(models.TextChoices):
    PERSON = "person", _("a person")
    HASHTAG = "hashtag", _("a hashtag of the text")
    RULE = "rule", _("a rule")
    MODEL = "model", _("a tagger")


class TagState(models.TextChoices):
    ACCEPTED = "accepted", pgettext_lazy("tag", "accepted")
    PROPOSED = "proposed", pgettext_lazy("tag", "proposed")
    DROPPED = "dropped", pgettext_lazy("tag", "dropped")


class TagCategory(models.TextChoices):
    """What a tag names; the values are those of `vision.tagging.port`."""

    TOPIC = "topic", pgettext_lazy("category", "topic")
    PERSON = "person", pgettext_lazy("category", "person")
    ORGANIZATION = "organization", pgettext_lazy("category", "organization")
    PLACE = "place", pgettext_lazy("category", "place")
    EVENT = "event", pgettext_lazy("category", "event")
    PRODUCT = "product", pgettext_lazy("category", "product")
    OTHER = "other", pgettext_lazy("category", "other")


class TaggerName(models.TextChoices):
    LOCAL = "local", pgettext_lazy("tagger", "local")
    GIGACHAT = "gigachat", "GigaChat"


class Tag(models.Model):
    """
    A tag of a tenant. `name` is in the form of `vision.tagging.words.names.canonical`.

    A synonym has `merged_into`, which is never a synonym itself: whoever says its name means that.
    """

    tenant_path: ClassVar = "tenant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(
        "accounts.Tenant",
        on_delete=models.CASCADE,
        related_name="tags",
        db_index=False,  # tag_name_once begins with it
        verbose_name=_("tenant"),
    )
    name = models.CharField(_("tag"), max_length=NAME_MAX_LENGTH)
    merged_into = models.ForeignKey(
        "self",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="synonyms",
        verbose_name=_("synonym of"),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = TenantRows()

    class Meta:
        db_table = "tags"
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "name"], name="tag_name_once"),
            models.CheckConstraint(condition=~Q(name=""), name="tag_name_filled"),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True) | ~Q(merged_into=F("id")),
                name="tag_no_synonym_of_itself",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PostTag(models.Model):
    """
    A tag of a post: where it came from, how sure that is (0 to 1), and whether it holds.

    `version` is the vision version with which a tagger found it, `tagger` which one; else empty.
    What a person decided has `decided_at`, and nothing but a person changes it; a dropped tag stays as such a row.
    """

    tenant_path: ClassVar = "tenant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(
        "accounts.Tenant",
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,  # idx_post_tag_proposed and idx_post_tag_newest begin with it
        verbose_name=_("tenant"),
    )
    post = models.ForeignKey(
        Post,
        on_delete=models.CASCADE,
        related_name="post_tags",
        db_index=False,  # post_tag_once begins with it
        verbose_name=_("post"),
    )
    tag = models.ForeignKey(
        Tag, on_delete=models.CASCADE, related_name="post_tags", verbose_name=_("tag")
    )
    origin = models.CharField(_("origin"), max_length=8, choices=TagOrigin.choices)
    category = models.CharField(
        _("category"), max_length=64, choices=TagCategory.choices, blank=True, default=""
    )
    confidence = models.FloatField(_("confidence"), default=1.0)
    version = models.CharField(_("vision version"), max_length=40, blank=True, default="")
    tagger = models.CharField(
        _("tagger"), max_length=20, choices=TaggerName.choices, blank=True, default=""
    )
    state = models.CharField(_("state"), max_length=8, choices=TagState.choices)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = TenantRows()

    class Meta:
        db_table = "post_tags"
        verbose_name = _("tag of a post")
        verbose_name_plural = _("tags of posts")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["post", "tag"], name="post_tag_once"),
            models.CheckConstraint(
                condition=Q(origin__in=TagOrigin.values), name="post_tag_origin_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=TagState.values), name="post_tag_state_known"
            ),
            models.CheckConstraint(
                condition=Q(confidence__gte=0, confidence__lte=1), name="post_tag_confidence_share"
            ),
            models.CheckConstraint(
                condition=Q(decided_at__isnull=False) | ~(Q(origin="person") | Q(state="dropped")),
                name="post_tag_people_decide",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-created_at", "id"], name="idx_post_tag_newest"),
            models.Index(
                fields=["tenant", "-confidence", "id"],
                name="idx_post_tag_proposed",
                condition=Q(state="proposed"),
            ),
        ]

    def __str__(self) -> str:
        return self.tag.name


class TagRule(models.Model):
    """
    Posts that fulfil all its conditions get the tag; an empty condition is none.

    `word` is in the syntax of web searches, `label` one of the labels of an analysis.

    `apply_wanted_at`: it is being applied to posts that are there, of which `applied_posts` got the
    tag so far; `applied_at` is when that ended the last time.
    """

    tenant_path: ClassVar = "tenant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(
        "accounts.Tenant",
        on_delete=models.CASCADE,
        related_name="tag_rules",
        verbose_name=_("tenant"),
    )
    tag = models.ForeignKey(
        Tag, on_delete=models.CASCADE, related_name="rules", verbose_name=_("tag")
    )
    channel = models.ForeignKey(
        Channel,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("channel"),
    )
    word = models.CharField(_("words"), max_length=200, blank=True, default="")
    label = models.CharField(_("label of a picture"), max_length=100, blank=True, default="")
    apply_wanted_at = models.DateTimeField(_("being applied since"), null=True, blank=True)
    applied_posts = models.PositiveIntegerField(_("posts that got the tag"), default=0)
    applied_at = models.DateTimeField(_("applied at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = TenantRows()

    class Meta:
        db_table = "tag_rules"
        verbose_name = _("rule for tags")
        verbose_name_plural = _("rules for tags")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(channel__isnull=False) | ~Q(word="") | ~Q(label=""),
                name="tag_rule_has_condition",
            ),
        ]

    def __str__(self) -> str:
        return self.tag.name
