"""What an entry of the audit may hold: small, storable, and no secret."""

import json

import pytest
from pydantic import SecretStr

from accounts.audit import values
from accounts.audit.comparison import rows
from events.logs import redaction


def test_small_values_stay_as_they_are():
    given = {"a": 1, "b": None, "c": True, "d": "слово", "e": ["x", 2], "f": {"g": "h"}}

    assert values.harmless(given) == given


@pytest.mark.parametrize("odd", ["a\0b", "\ud800", "x\udfffy", "\0" * 10])
def test_what_postgresql_refuses_is_replaced(odd):
    found = values.harmless({"field": odd, odd: "value"})

    text = json.dumps(found, ensure_ascii=False)
    assert "\0" not in text
    assert "\\u0000" not in text
    text.encode()


def test_ten_megabytes_are_cut_and_it_says_so():
    found = values.harmless({"field": "x y " * 2_500_000})

    assert found is not None
    assert len(found["field"]) < 600
    assert found["field"].endswith("… (10000000 characters)")


def test_long_and_deep_values_are_cut_and_it_says_so():
    deep: dict = {}
    inner = deep
    for _ in range(200):
        inner["next"] = {}
        inner = inner["next"]

    found = values.harmless({"many": list(range(1000)), "deep": deep})

    assert found is not None
    assert found["many"][-1] == "… +950"
    assert len(json.dumps(found)) < 2000


def test_a_mapping_of_many_fields_tells_how_many_more():
    found = values.harmless({f"field {n}": n for n in range(1000)})

    assert found is not None
    assert found["…"] == "+950"


@pytest.mark.parametrize(
    "field",
    ["password", "new_password", "token", "api_key", "session_key", "client_secret", "Cookie"],
)
def test_a_field_that_is_called_a_secret_is_hidden_whatever_it_holds(field):
    assert values.harmless({field: "hush"}) == {field: "[hidden]"}
    assert values.harmless({"deep": {field: ["hush"]}}) == {"deep": {field: "[hidden]"}}


@pytest.mark.parametrize("field", ["tokens", "used_tokens", "secretary", "sessions"])
def test_a_field_that_counts_is_no_secret(field):
    assert values.harmless({field: 5}) == {field: 5}


def test_secrets_inside_of_texts_are_hidden_also_at_the_cut():
    url = "https://s3.example/o?X-Amz-Signature=0123456789abcdef0123456789abcdef"
    long = "z" * 490 + f" password={'geheim' * 20} end" + "z" * 1000

    found = values.harmless({"a": url, "b": long, "c": SecretStr("hush"), "d": b"hush"})

    text = json.dumps(found)
    assert "0123456789abcdef" not in text
    assert "geheim" not in text
    assert "hush" not in text


def test_secrets_of_the_installation_are_hidden(monkeypatch):
    monkeypatch.setattr(redaction, "_known", redaction._known)
    redaction.know(["quite-a-plain-word"])

    found = values.harmless({"a": "it is quite-a-plain-word here"})

    assert found == {"a": "it is [hidden] here"}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1.5, 10**400])
def test_numbers_that_json_cannot_hold_are_text(number):
    found = values.harmless({"field": number})

    json.dumps(found, allow_nan=False)
    assert found is not None
    assert len(str(found["field"])) < 600


def test_before_and_after_stand_side_by_side():
    shown = rows({"a": "1", "gone": None}, {"a": "2", "new": ["x"]})

    assert [(row.name, row.before, row.after) for row in shown] == [
        ("a", "1", "2"),
        ("gone", "null", None),
        ("new", None, '[\n "x"\n]'),
    ]
