"""What people type, and what is searched then."""

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.utils.translation import gettext, override

from media import selectors
from media.sources.port import MediaKind
from search.query import dates, parsed, vocabulary
from search.query.message_reference import MessageReference
from search.query.parse import MOST_CHARS, MOST_ITEMS, parse
from search.query.parsed import ChannelBy, ChannelReference, ParsedQuery
from search.query.printing import print_query
from search.query.problems import Problem, ProblemCode, explain

ROOT = Path(__file__).resolve().parents[2]
MOSCOW = ZoneInfo("Europe/Moscow")
NOW = datetime(2026, 11, 26, 22, 30, tzinfo=UTC)
"""In Moscow it is Friday, 27 November, already."""


def read(text, *, now=NOW, zone=MOSCOW) -> ParsedQuery:
    return parse(text, now=now, zone=zone)


def canonical(text: str) -> str:
    return print_query(read(text))


def codes(text: str) -> list[str]:
    return [problem.code for problem in read(text).problems]


class TestWords:
    @pytest.mark.parametrize(
        "text",
        [
            "снег", "Снег в горах", "ёлка Ёлка елка", "C++ C# .NET", "e-mail", "кто-то", "--", "-", ":",
            "--help", "-:", "- -", "12:30", "https://t.me/x", "http://a.example:80/b?c=d#e", "foo:bar",
            "foo:", ":foo", "a:b:c", "C:\\Windows", "user@example.com", "@durov", "#1", "#123", "#c++",
            "#", "##", "1:0", "5,5", "🔥", "👨\u200d👩\u200d👧", "日本語", "हिन्दी", "don't", "д’Артаньян",
            "it's", "re:from:x", "канал", "from", "(скобки)", "a|b", "a&b", "!", "*", "' OR 1=1",
            "%s %d %(x)s {0}", "\\", "<b>", "OR AND NOT", "—", "1–2",
        ],
    )  # fmt: skip
    def test_what_is_no_qualifier_is_words_as_they_were_typed(self, text):
        found = read(text)

        assert found == ParsedQuery(terms=tuple(dict.fromkeys(text.split())))
        assert found.problems == ()
        assert print_query(found) == " ".join(found.terms)

    @pytest.mark.parametrize(
        "text", ["", " ", "\t\n", "\x00", "\u200b\u202e", '"', '""', "«»", '" "']
    )
    def test_nothing_is_asked_for(self, text):
        assert read(text).is_empty
        assert read(text).problems == ()
        assert canonical(text) == ""

    def test_a_word_counts_once(self):
        assert read("да нет да Да").terms == ("да", "нет", "Да")

    @pytest.mark.parametrize(
        ("text", "printed"),
        [
            ("a\x00b", "a b"),
            ("a\ud800b\udc00", "a b"),
            ("за\u200bголовок", "заголовок"),
            ("\u202eснег\u202c", "снег"),
            ("chan\u200bnel\u200f:\u200bx", "channel:x"),
            ("и\u0306", "й"),
            ("до\u00adставка", "доставка"),
            ("\ufeffснег", "снег"),
            ("снег\u00a0дождь\u3000град\u2028туман", "снег дождь град туман"),
        ],
    )
    def test_what_cannot_be_seen_makes_no_difference(self, text, printed):
        assert canonical(text) == printed


class TestPhrases:
    @pytest.mark.parametrize(
        ("text", "phrases"),
        [
            ('"первый снег"', ["первый снег"]),
            ("«первый снег»", ["первый снег"]),
            ("“первый снег”", ["первый снег"]),
            ("„первый снег“", ["первый снег"]),
            ("„первый снег”", ["первый снег"]),
            ("「最初の雪」", ["最初の雪"]),
            ("＂первый снег＂", ["первый снег"]),
            ('" первый \n снег "', ["первый снег"]),
            ('"снег"', ["снег"]),
            ('"a b""c d"', ["a b", "c d"]),
            ("«роман «Война и мир» 1869»", ["роман «Война и мир"]),
            ('«роман "Война и мир"»', ['роман "Война и мир"']),
            ('"роман «Война и мир»"', ["роман «Война и мир»"]),
            ('"has:video -x #y"', ["has:video -x #y"]),
            ("(«Война и мир», 1869)", ["Война и мир"]),
        ],
    )  # fmt: skip
    def test_quotes_of_every_kind_make_a_phrase(self, text, phrases):
        assert list(read(text).phrases) == phrases
        assert read(canonical(text)) == read(text)

    @pytest.mark.parametrize(
        ("text", "terms"),
        [
            ('"первый снег', "первый снег"),
            ('первый снег"', "первый снег"),
            ("«первый снег", "первый снег"),
            ("первый снег»", "первый снег"),
            ('монитор 27" и 24"', 'монитор 27" и 24"'),
            ('д"Артаньян', "д Артаньян"),
            ('"a b" "c', "c"),
            ("”наоборот“", "наоборот"),
        ],
    )
    def test_a_quote_without_its_other_half_leaves_words(self, text, terms):
        assert list(read(text).terms) == terms.split()
        assert read(text).problems == ()


class TestTags:
    @pytest.mark.parametrize(
        ("text", "tags"),
        [
            ("#зима", "зима"),
            ("#Зима2026 #ёлка_1", "Зима2026 ёлка_1"),
            ("#one#two", "one two"),
            ("#one, #two.", "one two"),
            ("＃wide", "wide"),
            ("#2026год", "2026год"),
            ("#हिन्दी", "हिन्दी"),
        ],
    )
    def test_a_tag_has_a_letter(self, text, tags):
        assert list(read(text).tags) == tags.split()
        assert read(text).terms == ()


class TestExclusion:
    def test_words_phrases_tags_and_conditions_are_excluded(self):
        found = read('снег -дождь -"мокрый снег" -«град» -#осень -has:video -канал:@durov -C++')

        assert found.terms == ("снег",)
        assert found.excluded.terms == ("дождь", "C++")
        assert found.excluded.phrases == ("мокрый снег", "град")
        assert found.excluded.tags == ("осень",)
        assert found.excluded.filters == parsed.Filters(
            files=(MediaKind.VIDEO,),
            channels=(ChannelReference(ChannelBy.USERNAME, "durov"),),
        )

    @pytest.mark.parametrize("minus", ["-", "－", "−", "﹣"])
    def test_a_wide_minus_excludes_too(self, minus):
        assert read(f"{minus}слово").excluded.terms == ("слово",)

    @pytest.mark.parametrize(
        "text", ["—Привет", "–Привет", "a-b", "-- слово", "- слово", "--слово"]
    )
    def test_a_dash_is_no_minus(self, text):
        assert read(text).excluded == parsed.Excluded()

    def test_an_exclusion_whose_quote_is_not_closed_does_not_become_its_opposite(self):
        assert canonical('-"реклама') == "-реклама"
        assert canonical('-"#реклама') == "-#реклама"

    def test_what_is_not_before_a_date_is_from_it_on(self):
        assert canonical("-before:2026-11-01") == "after:2026-11-01"
        assert canonical("-after:2026-11-01") == "before:2026-11-01"
        assert canonical("-on:2026-11") == "-on:2026-11"


class TestQualifiers:
    @pytest.mark.parametrize(
        ("text", "printed"),
        [
            ("channel:durov", "channel:durov"),
            ("channel:@durov", "channel:@durov"),
            ("channel:https://t.me/durov", "channel:@durov"),
            ("channel:t.me/s/durov/", "channel:@durov"),
            ("channel:https://t.me/c/1234567890", "channel:1234567890"),
            ("channel:-1001234567890", "channel:-1001234567890"),
            ("канал:«Новости дня»", 'channel:"Новости дня"'),
            ('Channel:"2024"', 'channel:"2024"'),
            ('канал:«ООО "Ромашка"»', 'channel:«ООО "Ромашка"»'),
            ("ＣＨＡＮＮＥＬ：durov", "channel:durov"),
            ("channel:b channel:a channel:b", "channel:a channel:b"),
            ("album:12345", "album:12345"),
            ("альбом:-7", "album:-7"),
            ("from:Иван", "from:Иван"),
            ('от:"Иван Петров"', 'from:"Иван Петров"'),
            ("это:мем is:forwarded", "is:forward is:meme"),
            ("is:MEME IS:Reply", "is:meme is:reply"),
            ("есть:видео", "has:video"),
            ("has:photos has:gif", "has:animation has:photo"),
            ("has:video-message", "has:video_message"),
            ("есть:ссылка has:text", "has:link has:text"),
            ("язык:русский lang:EN", "lang:en lang:ru"),
            ("тег:#наука", "tag:наука"),
            ('tag:"machine learning"', 'tag:"machine learning"'),
            ("категория:персоны category:Place", "category:person category:place"),
            ("с:2026-11 до:2026-12", "after:2026-11-01 before:2026-12-01"),
            ("lang:ru, has:photo;", "has:photo lang:ru"),
            ("has:video снег #зима", "снег #зима has:video"),
        ],
    )
    def test_it_is_printed_by_its_english_name(self, text, printed):
        assert canonical(text) == printed
        assert read(text).problems == ()
        assert read(printed) == read(text)

    @pytest.mark.parametrize("qualifier", vocabulary.Qualifier)
    def test_every_qualifier_has_a_russian_name_that_means_the_same(self, qualifier):
        values = {"is": "meme", "has": "text", "lang": "ru", "album": "1", "category": "event"}
        value = values.get(qualifier, "2026")
        russian = [name for name in vocabulary.QUALIFIERS[qualifier] if not name.isascii()]

        assert russian
        for name in russian:
            assert read(f"{name}:{value}") == read(f"{qualifier}:{value}") != ParsedQuery()

    def test_no_name_means_two_things(self):
        for names in (
            vocabulary.QUALIFIERS,
            vocabulary.STATES,
            vocabulary.FILES | vocabulary.PARTS,
            vocabulary.LANGUAGES,
        ):
            every = [one for name, others in names.items() for one in (str(name), *others)]

            assert len(every) == len(set(every))
            assert every == [vocabulary.keyword(one) for one in every]

    def test_every_kind_of_file_can_be_asked_for(self):
        assert set(vocabulary.FILES) == set(MediaKind)
        assert set(vocabulary.PARTS) == set(parsed.Part)
        assert set(vocabulary.STATES) == set(parsed.State)

    @pytest.mark.parametrize(
        ("text", "code", "place"),
        [
            ("снег has:nothing дождь", ProblemCode.UNKNOWN_VALUE, (5, 16)),
            ("is:so", ProblemCode.UNKNOWN_VALUE, (0, 5)),
            ("channel: durov", ProblemCode.EMPTY_VALUE, (0, 8)),
            ('channel:""', ProblemCode.EMPTY_VALUE, (0, 10)),
            ("from:,", ProblemCode.EMPTY_VALUE, (0, 6)),
            ('канал:"Новости дня', ProblemCode.OPEN_QUOTE, (0, 7)),
            ("album:first", ProblemCode.BAD_NUMBER, (0, 11)),
            ("album:9999999999999999999", ProblemCode.BAD_NUMBER, (0, 25)),
            ("channel:9999999999999999999", ProblemCode.BAD_NUMBER, (0, 27)),
            ("lang:klingon", ProblemCode.BAD_LANGUAGE, (0, 12)),
            ("tag:#", ProblemCode.BAD_LABEL, (0, 5)),
            ("category:cat", ProblemCode.UNKNOWN_VALUE, (0, 12)),
            ("before:2026-02-30", ProblemCode.BAD_DATE, (0, 17)),
            ("до:свидания", ProblemCode.BAD_DATE, (0, 11)),
            ("on:0000", ProblemCode.BAD_DATE, (0, 7)),
            ("on:9999", ProblemCode.BAD_DATE, (0, 7)),
            ("after:9999y", ProblemCode.BAD_DATE, (0, 11)),
            ("after:2026 before:2025", ProblemCode.EMPTY_PERIOD, (11, 22)),
            ("\u200bx \u202e-has:\u200b?\u200b y", ProblemCode.UNKNOWN_VALUE, (4, 11)),
        ],
    )
    def test_a_bad_value_is_a_problem_with_its_place_and_a_remedy(self, text, code, place):
        [problem] = read(text).problems

        assert problem.code == code
        assert (problem.start, problem.end) == place
        explanation = explain(problem)
        assert problem.text in explanation.message or problem.text.strip('"') in explanation.message
        assert explanation.remedy
        assert "%" not in explanation.message + explanation.remedy

    def test_the_rest_is_searched(self):
        assert canonical("снег has:nothing #зима before:never") == "снег #зима"
        assert codes("снег has:nothing #зима before:never") == ["unknown_value", "bad_date"]

    def test_the_remedy_names_what_can_be_asked_for(self):
        [problem] = read("is:so").problems

        assert "meme, forward, edited, pinned, reply, album, deleted" in explain(problem).remedy

    @pytest.mark.parametrize("code", ProblemCode)
    def test_every_problem_is_explained_in_russian(self, code):
        problem = Problem(code, 0, 4, "100%", "has", ("text", "link"), 50)

        with override("ru"):
            said = explain(problem, translate=gettext)

        assert re.search("[а-я]{3}", said.message)
        assert re.search("[а-я]{3}", said.remedy)
        assert "%" not in said.message.replace("100%", "") + said.remedy

    def test_a_quoted_qualifier_is_words(self):
        assert canonical('"has:video"') == '"has:video"'


class TestDates:
    @pytest.mark.parametrize(
        ("text", "first", "end"),
        [
            ("2026-11-01", "2026-11-01", "2026-11-02"),
            ("2026-1-5", "2026-01-05", "2026-01-06"),
            ("01.11.2026", "2026-11-01", "2026-11-02"),
            ("2026-11", "2026-11-01", "2026-12-01"),
            ("2026-12", "2026-12-01", "2027-01-01"),
            ("2026", "2026-01-01", "2027-01-01"),
            ("2024-02-29", "2024-02-29", "2024-03-01"),
            ("today", "2026-11-27", "2026-11-28"),
            ("Сегодня", "2026-11-27", "2026-11-28"),
            ("yesterday", "2026-11-26", "2026-11-27"),
            ("вчера", "2026-11-26", "2026-11-27"),
            ("0d", "2026-11-27", "2026-11-28"),
            ("7d", "2026-11-20", "2026-11-21"),
            ("7д", "2026-11-20", "2026-11-21"),
            ("2w", "2026-11-13", "2026-11-14"),
            ("9m", "2026-02-27", "2026-02-28"),
            ("1y", "2025-11-27", "2025-11-28"),
            ("２０２６-11-01", "2026-11-01", "2026-11-02"),
            ("1970", "1970-01-01", "1971-01-01"),
            ("2100-12-31", "2100-12-31", "2101-01-01"),
        ],
    )
    def test_a_date_means_days_of_the_persons_zone(self, text, first, end):
        [period] = read(f"on:{text}").filters.periods

        assert period.start == datetime.fromisoformat(first).replace(tzinfo=MOSCOW)
        assert period.end == datetime.fromisoformat(end).replace(tzinfo=MOSCOW)
        assert read(f"after:{text}").filters.posted_from == period.start
        assert read(f"before:{text}").filters.posted_before == period.start

    def test_today_depends_on_where_the_person_is(self):
        assert canonical("on:today") == "on:2026-11-27"
        assert print_query(read("on:today", zone=UTC)) == "on:2026-11-26"
        assert print_query(read("on:today", zone=ZoneInfo("Pacific/Kiritimati"))) == "on:2026-11-27"

    def test_all_dates_hold_but_those_of_on_of_which_one_does(self):
        filters = read(
            "after:2025 after:2026 before:2028 before:2027 on:2026-01 on:2026-03"
        ).filters

        assert filters.posted_from == datetime(2026, 1, 1, tzinfo=MOSCOW)
        assert filters.posted_before == datetime(2027, 1, 1, tzinfo=MOSCOW)
        assert [period.start.month for period in filters.periods] == [1, 3]

    def test_a_day_begins_when_the_clock_jumped_over_midnight(self):
        cairo = ZoneInfo("Africa/Cairo")  # 26 April 2024: after 23:59 comes 01:00

        [period] = read("on:2024-04-26", zone=cairo).filters.periods

        before = period.start.astimezone(UTC) - timedelta(seconds=1)
        assert before.astimezone(cairo).date() == date(2024, 4, 25)
        assert period.start.astimezone(UTC).astimezone(cairo).date() == date(2024, 4, 26)

    @pytest.mark.parametrize(
        ("day", "months", "earlier"),
        [
            (date(2026, 3, 31), 1, date(2026, 2, 28)),
            (date(2024, 3, 31), 1, date(2024, 2, 29)),
            (date(2026, 1, 15), 1, date(2025, 12, 15)),
            (date(2026, 1, 31), 13, date(2024, 12, 31)),
            (date(2026, 12, 1), -1, date(2027, 1, 1)),
        ],
    )
    def test_a_month_ago_is_the_same_day_or_the_last_of_the_month(self, day, months, earlier):
        assert dates.months_back(day, months) == earlier


class TestMessages:
    @pytest.mark.parametrize(
        "term",
        ["123", "#123", "t.me/durov/123", "https://t.me/durov/123", "http://t.me/c/1234567890/123"],
    )
    def test_what_the_console_takes_for_a_message_is_one(self, term):
        [message] = read(term).messages

        shown = selectors._NUMBER.fullmatch(term) or selectors._LINK.fullmatch(term)
        assert shown.groups()[-1] == str(message.message_id) == "123"

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("https://t.me/durov/45?single", [MessageReference(45, "durov")]),
            ("t.me/c/1234567890/7/45", [MessageReference(45, "1234567890")]),
            ("https://telegram.me/s/durov/45", [MessageReference(45, "durov")]),
            ("123 channel:durov", [MessageReference(123)]),
            ("снег https://t.me/durov/45", [MessageReference(45, "durov")]),
            ("снег 2026", []),
            ("-123", []),
            ('"123"', []),
            ("9999999999999999999", []),
            ("t.me/durov", []),
        ],
    )
    def test_a_number_is_a_message_when_it_is_all_that_is_asked_for(self, text, found):
        assert list(read(text).messages) == found


class TestLimits:
    def test_a_thousand_characters_are_read(self):
        text = "слово " * 166 + "снег"

        assert len(text) == MOST_CHARS
        assert codes(text) == codes(f"{text}  ") == []
        assert codes(f"{text}a") == codes(f"{text} a") == ["too_long"]

    def test_what_is_longer_is_left_out_and_said(self):
        text = "снег " + "а" * 500 + " " + "б" * 500 + " конец"

        found = read(text)

        assert found.terms == ("снег", "а" * 500)
        [problem] = found.problems
        assert problem.code == ProblemCode.TOO_LONG
        assert (problem.start, problem.end, problem.limit) == (506, len(text), MOST_CHARS)
        assert str(MOST_CHARS) in explain(problem).remedy

    def test_a_qualifier_is_not_cut_in_the_middle(self):
        text = "а" * 983 + " before:2026-11-01"

        assert len(text) == MOST_CHARS + 1
        assert read(text).filters == parsed.Filters()
        assert read(text[1:]).filters != parsed.Filters()

    def test_one_word_without_end_is_cut(self):
        [term] = read("雪" * 5000).terms

        assert term == "雪" * MOST_CHARS

    def test_fifty_words_and_conditions_are_read(self):
        words = [f"w{number}" for number in range(MOST_ITEMS - 1)]

        assert codes(" ".join([*words, "has:text"])) == []
        assert codes(" ".join([*words, *words, "has:text"])) == []
        assert codes(" ".join([*words, "has:text", "w50", "has:nothing"])) == ["too_many"]
        assert len(read(" ".join([*words, "has:text", "w50"])).terms) == MOST_ITEMS - 1

    def test_the_canonical_text_has_the_same_limit(self):
        text = " ".join(f"от:{'x' * 30}{number}" for number in range(27))

        assert len(text) < MOST_CHARS
        assert codes(text) == ["too_long"]
        assert len(canonical(text)) <= MOST_CHARS
        assert read(canonical(text)) == read(text)
        assert codes(canonical(text)) == []

    def test_megabytes_are_refused_quickly(self):
        assert codes("слово " * 1_000_000) == ["too_long"]
        assert codes('"' * 1_000_000) == ["too_long"]


class TestDocumentation:
    @pytest.mark.parametrize("page", ["docs/search-query.md", "docs/ru/search-query.md"])
    def test_every_name_code_and_limit_is_explained(self, page):
        text = (ROOT / page).read_text(encoding="utf-8")
        names = [
            f"`{name}:`"
            for qualifier, others in vocabulary.QUALIFIERS.items()
            for name in (qualifier, *others)
        ]
        values = [f"`is:{state}`" for state in vocabulary.STATES]
        values += [f"`has:{one}`" for one in (*vocabulary.FILES, *vocabulary.PARTS)]
        limits = [f"{MOST_CHARS:,}".replace(",", " "), str(MOST_ITEMS)]

        everything = [*names, *values, *limits, *(f"`{code}`" for code in ProblemCode)]
        assert not [one for one in everything if one not in text]

    def test_every_example_means_the_same_in_both_languages(self):
        text = (ROOT / "docs/search-query.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| `((?:is|has):\w+)` \| ([^|]+) \|", text, re.MULTILINE)

        assert len(rows) > 20
        for english, others in rows:
            name = english.partition(":")[0]
            for other in re.findall(r"`(\w+)`", others):
                assert read(f"{name}:{other}") == read(english) != ParsedQuery()


def test_the_form_in_which_values_are_compared_is_its_own_form_whatever_the_letter():
    changed = [
        letter
        for letter in map(chr, range(0x110000))
        if unicodedata.normalize("NFKC", letter).casefold() != letter
    ]

    forms = {letter: vocabulary.keyword(f"а {letter}b") for letter in changed}

    assert len(changed) > 5_000
    assert [one for one in changed if vocabulary.keyword(forms[one]) != forms[one]] == []


def test_a_sign_that_becomes_a_space_and_an_accent_leaves_one_space():
    found = parse('class:"- \u00a8x"', now=NOW, zone=UTC)

    assert parse(print_query(found), now=NOW, zone=UTC) == found
    assert found.filters.classes == ("- \u0308x",)
