"""What is searched of a post: a projection that can be deleted and built again."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.tenant_rows import TenantRows


class SearchDocument(models.Model):
    """
    The document of one post.

    `words` has lexemes of the configuration `russian` in four weights: text A, caption of the
    album B, words of pictures C, other words D. `has` names what the post has, such as text, link,
    photo. The index of `words`, tags and other keys is in the migration `speed`. `document_hash` is of what is indexed by words, `text_hash` of what is embedded.
    """

    tenant_path: ClassVar = "tenant"

    post = models.OneToOneField(
        "media.Post",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="search_document",
        verbose_name=_("post"),
    )
    tenant = models.ForeignKey(
        "accounts.Tenant",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("tenant"),
    )
    channel = models.ForeignKey(
        "media.Channel",
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        verbose_name=_("channel"),
    )
    album_id = models.BigIntegerField(_("album"), null=True, blank=True)
    posted_at = models.DateTimeField(_("posted at"))
    words = SearchVectorField()
    tags = ArrayField(models.TextField(), verbose_name=_("tags"), default=list, blank=True)
    has = ArrayField(models.TextField(), verbose_name=_("has"), default=list, blank=True)
    lang = models.CharField(_("language"), max_length=8, blank=True, default="")
    sender = models.TextField(_("author"), blank=True, default="")
    is_meme = models.BooleanField(_("meme"), default=False)
    classification = models.TextField(_("class"), blank=True, default="")
    document_hash = models.CharField(max_length=64, editable=False)
    text_hash = models.CharField(max_length=64, editable=False)
    indexed_at = models.DateTimeField(_("indexed at"))

    objects = TenantRows()

    class Meta:
        db_table = "search_documents"
        verbose_name = _("search document")
        verbose_name_plural = _("search documents")
        indexes: ClassVar = [
            models.Index(fields=["tenant", "-posted_at", "post"], name="idx_search_newest"),
            models.Index(fields=["channel", "-posted_at", "post"], name="idx_search_channel"),
            models.Index(
                fields=["album_id"],
                name="idx_search_album",
                condition=models.Q(album_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.post_id)
