"""Ten pages of ten kinds, written for the tests: what is the article of each, and what is not."""

from dataclasses import dataclass

_EN = (
    "The harbor stayed closed until noon because the wind tore two barges from the quay.",
    "Dispatchers moved the ferries to the northern basin, where the water is calmer in autumn.",
    "A diver inspected the broken chain in the evening and found that it had rusted for years.",
    "The council promised new bollards before winter, although the budget says nothing of them.",
    "Fishermen waited in the market hall, drank tea and counted what the storm had cost them.",
)
_RU = (
    "Порт оставался закрытым до полудня, потому что ветер сорвал от причала две баржи.",
    "Диспетчеры перевели паромы в северную гавань, где осенью вода обычно спокойнее.",
    "Вечером водолаз осмотрел лопнувшую цепь и увидел, что она ржавела уже много лет.",
    "Городской совет пообещал новые кнехты до зимы, хотя в бюджете о них нет ни слова.",
    "Рыбаки ждали в здании рынка, пили чай и подсчитывали, во что им обошёлся шторм.",
)
_NOISE = (
    "Subscribe to our newsletter", "Accept all cookies", "Related stories you may like",
    "Share on every network", "Copyright of the publisher",
)  # fmt: skip
_LINKS = "".join(f'<li><a href="/{n}">{text} {n}</a></li>' for n, text in enumerate(_NOISE * 3))


@dataclass(frozen=True)
class Sample:
    """A page; `said` are the sentences of its article, `noise` what stands around it."""

    kind: str
    html: bytes
    said: tuple[str, ...]
    noise: tuple[str, ...] = _NOISE
    title: str = "Storm in the harbor"
    charset: str = ""


def _paragraphs(said: tuple[str, ...], tag: str = "p") -> str:
    return "".join(f"<{tag}>{one}</{tag}>" for one in said)


def _page(
    body: str, *, title: str = "Storm in the harbor", head: str = "", lang: str = "en"
) -> str:
    return (
        f'<!DOCTYPE html><html lang="{lang}"><head><title>{title}</title>{head}</head>'
        f"<body><header><nav><ul>{_LINKS}</ul></nav></header>{body}"
        f"<footer><p>{_NOISE[4]}</p><ul>{_LINKS}</ul></footer></body></html>"
    )


def pages() -> list[Sample]:
    """The ten."""
    utf = '<meta charset="utf-8">'
    comments = "".join(
        f'<div class="comment"><p>I agree {n}, well said</p></div>' for n in range(9)
    )
    code = "<pre><code>quay.close(until='noon')\nferry.move('north')</code></pre>"
    table = "<table><tr><th>Barge</th><th>Loss</th></tr><tr><td>Anna</td><td>40</td></tr></table>"
    return [
        Sample("news", _page(f"<article><h1>Storm in the harbor</h1>{_paragraphs(_EN)}</article><aside><h3>{_NOISE[2]}</h3><ul>{_LINKS}</ul></aside>", head=utf).encode(), _EN),
        Sample("news in Russian", _page(f"<main><h1>Шторм в порту</h1>{_paragraphs(_RU)}</main>", title="Шторм в порту", head=utf, lang="ru").encode(), _RU, title="Шторм в порту"),
        Sample("windows-1251, said by the server only", _page(f"<div class='content'><h1>Шторм в порту</h1>{_paragraphs(_RU)}</div>", title="Шторм в порту", lang="ru").encode("cp1251"), _RU, title="Шторм в порту", charset="windows-1251"),
        Sample("blog with comments", _page(f"<div class='post'><h2 class='entry-title'>Storm in the harbor</h2><div class='entry-content'>{_paragraphs(_EN)}</div></div><section id='comments'>{comments}</section>", head=utf).encode(), _EN, (*_NOISE, "I agree 3, well said")),
        Sample("divs without meaning", _page(f"<div><div><div><h1>Storm in the harbor</h1>{_paragraphs(_EN, 'div')}</div></div></div>", head=utf).encode(), _EN),
        Sample("documentation with code", _page(f"<main><h1>Storm in the harbor</h1><p>{_EN[0]}</p>{code}{_paragraphs(_EN[1:])}</main>", head=utf).encode(), (*_EN, "quay.close(until='noon')")),
        Sample("table and list", _page(f"<article><h1>Storm in the harbor</h1>{_paragraphs(_EN[:3])}{table}<ul><li>{_EN[3]}</li><li>{_EN[4]}</li></ul></article>", head=utf).encode(), (*_EN, "Anna")),
        Sample("cookie wall above", _page(f"<div id='cookie-banner'><p>{_NOISE[1]}</p><button>OK</button></div><article><h1>Storm in the harbor</h1>{_paragraphs(_EN)}</article>", head=utf).encode(), _EN),
        Sample("short announcement", _page(f"<article><h1>Storm in the harbor</h1><p>{_EN[0]}</p></article>", head=utf).encode(), _EN[:1]),
        Sample("lines with br, no closing tags", f"<title>Storm in the harbor</title>{utf}<body><ul>{_LINKS}</ul><h1>Storm in the harbor</h1>{'<br><br>'.join(_EN)}<hr><small>{_NOISE[4]}</small>".encode(), _EN),
    ]  # fmt: skip


def measure(sample: Sample, text: str) -> tuple[float, float]:
    """The share of the article's sentences that are in `text`, and that of the noise."""
    flat = " ".join(text.split())
    found = sum(one in flat for one in sample.said) / len(sample.said)
    return found, sum(one in flat for one in sample.noise) / len(sample.noise)
