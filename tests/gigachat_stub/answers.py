"""The answers of the stub, in Russian; the same bytes always give the same answer."""

import json
from hashlib import sha256
from typing import Any

CLASSES = ("photo", "meme", "document", "screenshot", "infographic", "other")
SUBJECTS = (
    "рыжий кот на подоконнике", "вечерняя набережная с фонарями", "расписание автобусов у входа",
    "таблица расходов за квартал", "окно чата с перепиской", "гора и озеро в тумане",
    "чертёж дома с размерами", "щенок в снегу", "график роста посещений", "тарелка борща со сметаной",
)  # fmt: skip
LABELS = (
    "кот", "окно", "город", "вечер", "текст", "таблица", "чат", "природа", "схема", "еда",
    "зима", "дом", "отчёт",
)  # fmt: skip
TEXTS = (
    "", "Ёлка, чай и объявление № 5", "Завтра в 18:00 собрание жильцов", "ИТОГО: 12 340 ₽",
    "Не забудь выключить утюг!", "", "План «Б» — на случай дождя",
)  # fmt: skip
CANNOT_SEE = (
    "Не могу посмотреть фотографию, поскольку доступ к изображениям сейчас отсутствует.",
    "К сожалению, я не вижу изображения. Пожалуйста, прикрепите файл ещё раз.",
    "Как текстовая модель, я не умею анализировать картинки.",
    "I'm sorry, but I can't see the image you attached.",
    "I do not have access to the picture. Please describe it.",
)
REFUSAL = (
    "Не люблю менять тему разговора, но вот сейчас тот самый случай. Генеративные языковые модели"
    " не обладают собственным мнением."
)
NOT_JSON = "Ответ: 42, подробности позже."


def fields(digest: str) -> dict[str, Any]:
    """Make the fields of an answer; `digest` is the picture's SHA-256."""
    seed = bytes.fromhex(digest)
    text = TEXTS[seed[3] % len(TEXTS)]
    kind = CLASSES[seed[0] % len(CLASSES)]
    return {
        "classification": kind,
        "is_meme": kind == "meme",
        "description": f"На изображении {SUBJECTS[seed[1] % len(SUBJECTS)]} ({digest[:8]}).",
        "labels": sorted({LABELS[seed[i] % len(LABELS)] for i in (4, 5, 6)}),
        "objects": [LABELS[seed[7] % len(LABELS)]],
        "scene": "снаружи" if seed[8] % 2 else "внутри",
        "dominant_colors": [f"#{digest[:6].upper()}"],
        "nsfw_score": 0.01,
        "aesthetic_score": round(seed[9] / 255, 2),
        "ocr": {"text": text, "engine": "gigachat"} if text else None,
    }


def as_json(digest: str) -> str:
    return json.dumps(fields(digest), ensure_ascii=False)


def tokens_of_picture(digest: str) -> int:
    """Make up a fixed cost of some hundreds: the real cost of a picture is not published."""
    return 600 + int(digest[:4], 16) % 900


def tokens_of_text(text: str) -> int:
    return max(1, len(text) // 3)


def is_precached(digest: str) -> bool:
    return sha256(digest.encode()).digest()[0] % 3 == 0
