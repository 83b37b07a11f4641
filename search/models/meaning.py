"""Which models' vectors there are, and which posts wait for theirs."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.tenant_rows import TenantRows


class EmbeddingModel(models.Model):
    """
    A model whose vectors are in the index.

    `serves`: queries are compared with its vectors. `is_wanted`: it is the one of the settings; until
    its vectors cover the archive, its predecessor serves. `specification` is what is needed to
    make its encoder again. `dimension` is 0 before its first vector. `checked_at`: all posts without its
    vector were made to wait then; empty where that is to be done.
    """

    name = models.CharField(_("model"), max_length=300, primary_key=True)
    specification = models.JSONField(_("settings"), default=dict)
    dimension = models.PositiveIntegerField(_("dimension"), default=0)
    serves = models.BooleanField(_("serves"), default=False)
    is_wanted = models.BooleanField(_("wanted"), default=False)
    wanted_since = models.DateTimeField(_("wanted since"))
    checked_at = models.DateTimeField(_("checked at"), null=True, blank=True)

    class Meta:
        db_table = "search_models"
        verbose_name = _("model of the search")
        verbose_name_plural = _("models of the search")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["serves"], condition=Q(serves=True), name="search_model_one_serves"
            ),
            models.UniqueConstraint(
                fields=["is_wanted"], condition=Q(is_wanted=True), name="search_model_one_is_wanted"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class WaitingPost(models.Model):
    """A post whose present text has no vector of the wanted model yet. Not bound to its post."""

    tenant_path: ClassVar = "tenant"

    post_id = models.UUIDField(_("post"), primary_key=True)
    tenant = models.ForeignKey(
        "accounts.Tenant",
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        verbose_name=_("tenant"),
    )
    posted_at = models.DateTimeField(_("posted at"))
    since = models.DateTimeField(_("waits since"))

    objects = TenantRows()

    class Meta:
        db_table = "search_waiting_posts"
        verbose_name = _("post without a vector")
        verbose_name_plural = _("posts without vectors")
        indexes: ClassVar = [
            models.Index(fields=["-posted_at", "post_id"], name="idx_search_waiting_newest"),
            models.Index(fields=["tenant", "since"], name="idx_search_waiting_tenant"),
            models.Index(fields=["since"], name="idx_search_waiting_since"),
        ]

    def __str__(self) -> str:
        return str(self.post_id)
