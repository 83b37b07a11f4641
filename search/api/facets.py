"""Serializers of facets: what is asked for, and the counts."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from search.index.postgresql.facets import COUNTED, Facet
from search.services.facets import Facets, Value

NAMES = ", ".join(Facet)


class FacetNames(serializers.CharField):
    """Names of facets, divided by commas, each once; unknown ones are refused."""

    def to_internal_value(self, data: Any) -> Any:
        names = [name.strip() for name in super().to_internal_value(data).split(",")]
        unknown = [name for name in names if name and name not in {*Facet}]
        if unknown:
            raise serializers.ValidationError(
                _("unknown: %(unknown)s; known: %(known)s")
                % {"unknown": ", ".join(unknown), "known": NAMES}
            )
        return tuple(dict.fromkeys(Facet(name) for name in names if name))


class ValueSerializer(serializers.Serializer[Value]):
    value = serializers.CharField(
        help_text="id of a channel, a tag, a category of tags, a class, or YYYY-MM"
    )
    name = serializers.CharField(
        help_text="of a channel its title, of a category its name in the language of the request"
    )
    posts = serializers.IntegerField()
    condition = serializers.CharField(help_text="added to `q` it leaves these posts")


class FacetsSerializer(serializers.Serializer[Facets]):
    """
    Counts of the posts that fulfil the conditions and have words that weigh half of the query.

    What only meaning finds is not counted.
    """

    posts = serializers.IntegerField()
    exact = serializers.BooleanField(
        help_text=f"false: extrapolated from a sample of some {COUNTED // 2} to {COUNTED} posts"
    )
    values = serializers.DictField(
        child=ValueSerializer(many=True),
        help_text="by facet: those of the most posts, months the newest first",
    )
