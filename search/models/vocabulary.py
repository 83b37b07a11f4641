"""The words of the index, against which words of queries are corrected and weighed."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenant_rows import TenantRows


class SearchWord(models.Model):
    """
    A lexeme of the index of one tenant. A trigger keeps `posts`, the documents that have it.

    The empty word, which no document has, counts all documents of the tenant. The index on
    `search_sound(word)` finds words of the other script; see the migration.
    """

    tenant_path: ClassVar = "tenant"

    pk = models.CompositePrimaryKey("tenant_id", "word")
    tenant = models.ForeignKey(
        "accounts.Tenant",
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        verbose_name=_("tenant"),
    )
    word = models.TextField(_("word"), db_collation="C")
    posts = models.BigIntegerField(_("posts"), default=0)

    objects = TenantRows()

    class Meta:
        db_table = "search_words"
        verbose_name = _("word of the index")
        verbose_name_plural = _("words of the index")

    def __str__(self) -> str:
        return self.word
