"""What somebody sees who has just begun: lists without rows, and forms with one thing to choose."""

import re

import pytest
from django.contrib import admin
from django.urls import reverse

from events.console import list_of, page_of
from media.models import ChannelFeed, Post
from tests import factories as make
from vision.models import ProviderHealth, TagRule

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

NOBODY_ELSES = ("auth", "django_q")


@pytest.fixture
def reader(client):
    client.force_login(make.superuser())
    return client


def html(client, address, language="ru") -> str:
    return client.get(address, headers={"Accept-Language": language}).content.decode()


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Post, "Импортируйте экспорт из Telegram Desktop"),
        (ChannelFeed, "Сначала подключите аккаунт"),
        (ProviderHealth, "GIGACHAT_CREDENTIALS"),
        (TagRule, "Правил пока нет"),
    ],
)
def test_a_list_without_rows_says_what_to_do_and_offers_nothing_to_do_to_them(reader, model, words):
    page = html(reader, list_of(model))

    assert words in page
    assert 'name="action"' not in page


def test_every_list_of_the_product_says_that_it_is_empty(reader):
    for model in admin.site._registry:
        if model._meta.app_label in NOBODY_ELSES:
            continue
        page = html(reader, list_of(model), "en")
        [paginator] = re.findall(r'<p class="paginator">(.*?)</p>', page, flags=re.DOTALL)
        assert not re.search(r"Total:\s+0\b", paginator), model


@pytest.mark.parametrize("chosen", ["is_forward__exact=1", "q=абракадабра"])
def test_a_list_that_a_choice_empties_does_not_say_that_nothing_was_imported(reader, chosen):
    make.post()

    page = html(reader, list_of(Post, chosen))

    assert "Ничего подходящего" in page
    assert "Импортируйте экспорт" not in page


def test_an_order_or_a_popup_chooses_nothing(reader):
    assert "Импортируйте экспорт" in html(reader, list_of(Post, "o=1&_popup=1"))


def test_a_list_with_rows_counts_them_and_offers_its_actions(reader):
    make.post()

    page = html(reader, list_of(Post), "en")

    assert re.search(r"Total:\s+1\b", page)
    assert 'name="action"' in page


def tenant_field(page: str) -> str:
    return re.search(r'<select name="tenant".*?</select>', page, flags=re.DOTALL)[0]


def test_who_has_one_tenant_need_not_choose_it(reader):
    add = reverse("admin:media_telegramaccount_add")
    first = make.tenant()

    assert f'value="{first.pk}" selected' in tenant_field(html(reader, add))


def test_of_two_tenants_none_is_chosen(reader):
    add = reverse("admin:media_telegramaccount_add")
    made = [make.tenant(), make.tenant()]

    field = tenant_field(html(reader, add))

    assert all(f'value="{one.pk}"' in field for one in made)
    assert not any(f'value="{one.pk}" selected' in field for one in made)


def test_all_labels_of_a_form_begin_alike(reader):
    for name in ("media_telegramaccount", "media_channelfeed", "vision_tagrule"):
        page = html(reader, reverse(f"admin:{name}_add"))
        labels = re.findall(r"<label[^>]*>\s*([^<]+?)\s*</label>", page)
        assert labels
        assert [one for one in labels if one[0].islower()] == []


def test_what_a_post_lacks_is_a_dash_everywhere(reader):
    media = make.media_object()
    post = make.post(of=make.channel(owner=media.tenant), media=[media])
    make.enrichment(post, decisions=[make.decision(media)])

    page = html(reader, page_of(Post, post.pk))

    assert re.findall(r'<div class="readonly">-</div>', page) == []
    assert '<div class="readonly">—</div>' in page
