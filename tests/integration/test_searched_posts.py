"""Posts are found by what a person sees in them, pasted or typed."""

from zoneinfo import ZoneInfo

import pytest

from accounts import tenants
from events.console import list_of
from media.models import Post
from media.selectors import find_posts
from media.services import imports
from media.sources.export import ExportSource
from tests.unit.exports import chat, message, write

pytestmark = pytest.mark.django_db

TEXTS = (
    ("смотри https://a.example/news/deep?x=1 тут",
     ("https://a.example/news/deep?x=1", "a.example/news/deep?x=1", "http://a.example/news",
      "https://a.example", "a.example", "news", "example", '"https://a.example/news/deep?x=1"')),
    ("https://t.me/joinchat/AAA-b_c",
     ("https://t.me/joinchat/AAA-b_c", "t.me/joinchat/AAA-b_c", "joinchat", "тут OR joinchat")),
    ("лежит report_2024.final-v2.pdf, конец.Начало",
     ("report_2024.final-v2.pdf", "report", "final", "2024", "начало", "конец", "v2 pdf")),
    ("https://ru.example/wiki/%D0%9C%D0%BE%D1%81%D0%BA%D0%B2%D0%B0",
     ("https://ru.example/wiki/Москва", "москва",
      "https://ru.example/wiki/%D0%9C%D0%BE%D1%81%D0%BA%D0%B2%D0%B0")),
    ("уда\u0301рение ё\u0301лка", ("ударение", "уда\u0301рения", "ёлку", "елка")),
    ("до\u00adставка нера\u200bзрыв", ("доставки", "до\u00adставка", "неразрыв")),
    ("ﬁnal 𝐑𝐞𝐬𝐮𝐥𝐭", ("finals", "ﬁnal", "result")),
    ("пʼять м'ячів", ("п'ять", "п’ять", "пʼять", "м’ячів", "мʼячів")),
    ("السَّلامُ عليكم", ("السلام", "السَّلامُ")),
    ("АО РЖД-Партнёр кое-что C# AT&T test@mail.example v1.2 10:30",
     ("РЖД", "партнер", "кое-что", "AT&T", "at&t -чай", "test@mail.example", "v1.2", "10:30", "РЖД -чай")),
    (" ".join(f"слово{n}" for n in range(200_000)), ("слово7", "слово1000")),  # cut to fit
)  # fmt: skip


def import_posts(tmp_path, *posts):
    folder = write(tmp_path, chat(list(posts)))
    source = ExportSource(folder, zone=ZoneInfo("Europe/Moscow"))
    imports.import_export(source=source, path=folder, tenant=tenants.default_tenant())


def found(term: str) -> list[int]:
    posts = find_posts(Post.objects.all(), term).order_by("telegram_message_id")
    return list(posts.values_list("telegram_message_id", flat=True))


@pytest.mark.costly
def test_a_post_is_found_by_what_is_seen_in_it(tmp_path, admin_client):
    posts = [message(number, text=text) for number, (text, _) in enumerate(TEXTS, 1)]
    import_posts(tmp_path, *posts, message(99, text="другое"))

    missed = {term: found(term) for number, (_, terms) in enumerate(TEXTS, 1)
              for term in terms if number not in found(term)}  # fmt: skip
    assert missed == {}
    assert found("https://a.example/tides") == found("report_2023.pdf") == []
    assert found("не") == []  # stop words alone find nothing, see docs/architecture.md
    assert 1 not in found("смотри -https://a.example/news/deep?x=1")
    shown = admin_client.get(list_of(Post), {"q": "https://a.example/news"})
    assert [post.telegram_message_id for post in shown.context_data["cl"].result_list] == [1]
