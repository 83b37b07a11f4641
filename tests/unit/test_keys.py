import uuid

import pytest

from storage_quota import keys

SHA = "abcd" + "0" * 60
TENANT = uuid.UUID(int=7)


def test_fact_001_a_jpeg_is_stored_under_tenant_and_first_two_characters_of_its_sha():
    key = keys.media(tenant_id="T", sha256=SHA, mime="image/jpeg")

    assert key == f"media/T/ab/{SHA}.jpg"


def test_fact_003_a_vision_key_names_provider_model_and_schema():
    key = keys.vision(
        tenant_id="T", sha256=SHA, provider="gigachat", model="GigaChat-Pro", schema="1.0"
    )

    assert key == f"vision/T/{SHA}_gigachat_GigaChat-Pro_v1.0.json"


def test_fact_004_an_album_key_names_the_album():
    assert keys.album(tenant_id="T", album_id=42) == "album/T/42_vision_summary_v1.json"


def test_a_crawled_page_lies_with_its_post_or_by_its_hash():
    with_post = keys.crawl(tenant_id=TENANT, url_hash=SHA, post_id=12, suffix=".md")
    without = keys.crawl(tenant_id=TENANT, url_hash=SHA)

    assert with_post == f"crawl/{TENANT}/12/{SHA}.md"
    assert without == f"crawl/{TENANT}/ab/{SHA}.html"


@pytest.mark.parametrize(
    ("mime", "extension"),
    [
        ("image/png", "png"),
        ("IMAGE/JPEG", "jpg"),
        ("text/plain; charset=utf-8", "txt"),
        ("image/heic", "heic"),
        ("image/avif", "avif"),
        ("video/webm", "webm"),
        ("video/quicktime", "mov"),
        ("audio/ogg", "oga"),
        ("audio/opus", "opus"),
        ("application/ogg", "ogg"),
        ("application/json", "json"),
        ("application/x-unheard-of", "bin"),
        ("", "bin"),
    ],
)
def test_the_extension_follows_the_mime_type(mime, extension):
    assert keys.extension(mime) == extension


@pytest.mark.parametrize("model", ["GigaChat/2", "GigaChat:2", "GigaChat 2", "a\tb", "..", "a\\b"])
def test_a_models_name_cannot_change_the_shape_of_a_key(model):
    if model == "..":
        with pytest.raises(ValueError, match="part of a key"):
            keys.vision(tenant_id="T", sha256=SHA, provider="p", model=model, schema="1.0")
        return

    key = keys.vision(tenant_id="T", sha256=SHA, provider="p", model=model, schema="1.0")

    assert key.count("/") == 2
    assert not set(key) & set(": \t\\")


def test_two_models_never_share_a_key():
    models = ["a/b", "a:b", "a b", "a%2Fb", "a_b"]

    found = {
        keys.vision(tenant_id="T", sha256=SHA, provider="p", model=m, schema="1") for m in models
    }

    assert len(found) == len(models)


@pytest.mark.parametrize("sha", ["", "abc", SHA.upper(), "../" + SHA[3:], SHA + "\n"])
def test_what_is_not_a_sha256_makes_no_key(sha):
    with pytest.raises(ValueError, match="SHA-256"):
        keys.media(tenant_id="T", sha256=sha, mime="image/png")


@pytest.mark.parametrize("tenant", ["", "a/b", "..", "a b", "é"])
def test_what_is_not_a_tenant_makes_no_key(tenant):
    with pytest.raises(ValueError, match="tenant"):
        keys.album(tenant_id=tenant, album_id=1)


def test_a_crawled_page_has_a_known_suffix():
    with pytest.raises(ValueError, match="suffix"):
        keys.crawl(tenant_id="T", url_hash=SHA, suffix=".exe")
