"""Searches that users keep, and the posts that came to match them."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.tenant_rows import TenantRows

NAME_MAX_LENGTH = 100


class SavedSearch(models.Model):
    """
    A query of one user, asked of each post that is new to the index or changed.

    `text` is as typed: relative dates move on, and channels are those that the user may see at the
    time. `since` is when it was saved, changed or resumed: posts that were known before count only
    if they come to match by a change. Nobody but the user sees it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="saved_searches",
        verbose_name=_("user"),
    )
    name = models.CharField(_("name"), max_length=NAME_MAX_LENGTH)
    text = models.TextField(_("query"))
    is_paused = models.BooleanField(_("paused"), default=False)
    since = models.DateTimeField(_("since"))
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        db_table = "search_saved"
        verbose_name = _("saved search")
        verbose_name_plural = _("saved searches")
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(name="") & ~Q(text=""), name="saved_search_filled")
        ]

    def __str__(self) -> str:
        return str(self.pk)  # the audit keeps it, and what a user looks for is nobody else's


class SearchMatch(models.Model):
    """
    A post that matched a saved search, once for ever: whoever was told is not told again.

    `seen_at` is when the user said that he has seen it.
    """

    tenant_path: ClassVar = "tenant"

    saved_search = models.ForeignKey(
        SavedSearch,
        on_delete=models.CASCADE,
        related_name="matches",
        db_index=False,
        verbose_name=_("saved search"),
    )
    post = models.ForeignKey(
        "media.Post", on_delete=models.CASCADE, related_name="+", verbose_name=_("post")
    )
    tenant = models.ForeignKey(
        "accounts.Tenant", on_delete=models.CASCADE, related_name="+", verbose_name=_("tenant")
    )
    matched_at = models.DateTimeField(_("matched at"))
    seen_at = models.DateTimeField(_("seen at"), null=True, blank=True)

    objects = TenantRows()

    class Meta:
        db_table = "search_match"
        verbose_name = _("match of a saved search")
        verbose_name_plural = _("matches of saved searches")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["saved_search", "post"], name="search_match_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["saved_search", "-id"], name="idx_search_match_newest"),
            models.Index(
                fields=["saved_search"],
                name="idx_search_match_unseen",
                condition=Q(seen_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return str(self.post_id)
