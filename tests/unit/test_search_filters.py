"""The typed filters of the seed's call, as facts 100 and 101 of the design have them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db.models import Q
from hypothesis import given
from hypothesis import strategies as st

from search.query.filters.conditions import (
    FIELDS,
    FieldType,
    FilterConditions,
    FilterRefused,
    Match,
    MatchAny,
    Range,
)
from search.query.filters.qdrant import qdrant_filter
from search.query.filters.read import MOST_CONDITIONS, MOST_VALUES, read_filters
from search.query.filters.rows import filter_rows

COLUMNS = {"album_id": "album_id", "tags": "tags", "vision.is_meme": "is_meme"} | {
    "channel_id": "channel_id", "posted_at": "posted_at", "content_length": "post__length",
}  # fmt: skip
MOMENT = datetime(2026, 11, 1, tzinfo=UTC)


def rows(conditions, columns=COLUMNS) -> Q:
    return filter_rows(read_filters(conditions), columns=columns, arrays=frozenset({"tags"}))


@pytest.mark.parametrize(
    ("given", "read", "qdrant", "row"),
    [
        (
            {"album_id": 12345},
            Match("album_id", 12345),
            {"key": "album_id", "match": {"value": 12345}},
            Q(album_id=12345),
        ),
        (
            {"channel_id": "6f9619ff-8b86-d011-b42d-00cf4fc964ff"},
            Match("channel_id", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"),
            {"key": "channel_id", "match": {"value": "6f9619ff-8b86-d011-b42d-00cf4fc964ff"}},
            Q(channel_id="6f9619ff-8b86-d011-b42d-00cf4fc964ff"),
        ),
        (
            {"tags": ["ai", "news", "ai"]},
            MatchAny("tags", ("ai", "news")),
            {"key": "tags", "match": {"any": ["ai", "news"]}},
            Q(tags__overlap=["ai", "news"]),
        ),
        (
            {"tags": "ai"},
            Match("tags", "ai"),
            {"key": "tags", "match": {"value": "ai"}},
            Q(tags__contains=["ai"]),
        ),
        (
            {"album_id": [1, 2]},
            MatchAny("album_id", (1, 2)),
            {"key": "album_id", "match": {"any": [1, 2]}},
            Q(album_id__in=[1, 2]),
        ),
        (
            {"vision.is_meme": True},
            Match("vision.is_meme", True),
            {"key": "vision.is_meme", "match": {"value": True}},
            Q(is_meme=True),
        ),
        (
            {"vision.is_meme": False},
            Match("vision.is_meme", False),
            {"key": "vision.is_meme", "match": {"value": False}},
            Q(is_meme=False),
        ),
        (
            {"content_length": {"gte": 10, "lt": 20.5}},
            Range("content_length", gte=10, lt=20.5),
            {"key": "content_length", "range": {"gte": 10, "lt": 20.5}},
            Q(post__length__gte=10, post__length__lt=20.5),
        ),
        (
            {"posted_at": {"gt": "2026-11-01", "lte": "2026-11-30T23:59:59+03:00"}},
            Range("posted_at", gt=MOMENT, lte=datetime(2026, 11, 30, 20, 59, 59, tzinfo=UTC)),
            {
                "key": "posted_at",
                "range": {"gt": "2026-11-01T00:00:00+00:00", "lte": "2026-11-30T20:59:59+00:00"},
            },
            Q(posted_at__gt=MOMENT, posted_at__lte=datetime(2026, 11, 30, 20, 59, 59, tzinfo=UTC)),
        ),
    ],
)
def test_every_type_is_one_condition_for_both_adapters(given, read, qdrant, row):
    filters = read_filters(given)

    assert filters == FilterConditions((read,))
    assert type(getattr(filters.conditions[0], "value", None)) is type(getattr(read, "value", None))
    assert qdrant_filter(filters) == {"must": [qdrant]}
    assert rows(given) == row


@pytest.mark.parametrize("nothing", [None, {}])
def test_nothing_is_asked_for(nothing):
    assert read_filters(nothing) == FilterConditions()
    assert qdrant_filter(read_filters(nothing)) == {"must": []}
    assert rows(nothing) == Q()


def test_all_conditions_hold():
    given = {"album_id": 1, "vision.is_meme": True}

    assert len(qdrant_filter(read_filters(given))["must"]) == 2
    assert rows(given) == Q(album_id=1) & Q(is_meme=True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("album_id", True),
        ("album_id", "12345"),
        ("album_id", 12345.0),
        ("album_id", None),
        ("album_id", 2**63),
        ("album_id", [1, "2"]),
        ("album_id", [1, True]),
        ("album_id", []),
        ("album_id", [[1]]),
        ("album_id", range(3)),
        ("album_id", {"gte": True}),
        ("album_id", {"gte": "1"}),
        ("album_id", {"gte": 2**63}),
        ("vision.is_meme", 1),
        ("vision.is_meme", "true"),
        ("vision.is_meme", {"gte": 0}),
        ("channel_id", 5),
        ("channel_id", "a\0b"),
        ("channel_id", "a\ud800"),
        ("channel_id", {"gte": "a"}),
        ("tags", [1]),
        ("tags", {"gte": "2026-11-01"}),
        ("content_length", {}),
        ("content_length", {"gte": None}),
        ("content_length", {"from": 1}),
        ("content_length", {"gte": 1, 2: 3}),
        ("content_length", {"gte": float("nan")}),
        ("content_length", {"lt": float("inf")}),
        ("vision.nsfw_score", 0.5),
        ("posted_at", "2026-11-01"),
        ("posted_at", MOMENT),
        ("posted_at", {"gte": "yesterday"}),
        ("posted_at", {"gte": 5}),
        ("posted_at", {"gte": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=3)))}),
        ("album", 12345),
        ("vision", {"is_meme": True}),
        ("album_id__gt", 5),
        ("", 5),
    ],
)
def test_a_bad_type_is_refused_with_the_name_of_its_field(field, value):
    with pytest.raises(FilterRefused) as refusal:
        read_filters({"tags": ["ai"], field: value} if field != "tags" else {field: value})

    assert refusal.value.field == field
    assert refusal.value.context()["field"] == field
    assert str(refusal.value).startswith(f"{field}: ")


def test_there_are_limits():
    fields = {f"f{number}": FieldType.INTEGER for number in range(MOST_CONDITIONS + 1)}

    with pytest.raises(FilterRefused, match="filter_conditions"):
        read_filters(dict.fromkeys(fields, 1), fields=fields)
    with pytest.raises(FilterRefused, match="album_id"):
        read_filters({"album_id": list(range(MOST_VALUES + 1))})


def test_a_field_that_an_index_does_not_have_is_refused_and_not_ignored():
    with pytest.raises(FilterRefused) as refusal:
        rows({"vision.scene": "street"})

    assert refusal.value.field == "vision.scene"


def test_a_moment_without_a_zone_is_utc():
    [one] = read_filters({"posted_at": {"gte": datetime(2026, 11, 1)}}).conditions  # noqa: DTZ001

    assert one.gte == MOMENT


scalars = st.sampled_from(
    [None, True, 0, 1, -5, 2**63, 0.5, float("nan"), "", "a", "1", "\0", "2026-11-01"]
)
json_values = (
    scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.sampled_from("ab"), scalars)
)
bounds = st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte"]), json_values, max_size=2)


@given(st.dictionaries(st.sampled_from([*FIELDS, "x"]), json_values | bounds, max_size=3))
def test_any_json_is_understood_or_refused_by_name(given):
    try:
        filters = read_filters(given)
    except FilterRefused as refusal:
        assert refusal.field in given  # noqa: PT017 - either way is right
    else:
        assert [one.field for one in filters.conditions] == list(given)
        assert [one["key"] for one in qdrant_filter(filters)["must"]] == list(given)
