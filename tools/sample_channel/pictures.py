"""Every picture of the channel by name, with the words that are in it."""

from collections.abc import Callable
from functools import cache

from tools.sample_channel import charts, pages, scenes, screens
from tools.sample_channel.canvas import Picture

_WEEKDAY = [
    "06:12, 06:34, 06:52",
    "07:06, 07:18, 07:30, 07:42",
    "08:05, 08:15, 08:35, 08:55",
    "09:10, 09:25, 09:40",
    "17:08, 17:20, 17:32, 17:56",
    "18:08, 18:20, 18:47",
]
_WEEKEND = [
    "08:20, 08:50",
    "09:20, 09:50",
    "10:15, 10:40",
    "12:10, 12:35",
    "15:05, 15:30, 15:55",
    "19:20, 19:50",
]

DRAWN: dict[str, Callable[[], Picture]] = {
    "chat_bikes": lambda: screens.chat(
        screens.LIGHT,
        "Дом 7, соседи",
        "48 участников",
        [
            ("Марина", "Кто оставил велосипед у лифта? Коляска не проезжает."),
            ("Пётр", "Это мой, уже убираю. Извините!"),
            ("Марина", "Спасибо. Может, поставим стойку во дворе?"),
            ("", "Я посчитал: в подъезде девять велосипедов. Стойка на десять мест как раз."),
            ("Олег", "Голосую за. Завтра принесу рулетку."),
        ],
    ),
    "chat_deploy": lambda: screens.chat(
        screens.DARK,
        "Sensors team",
        "6 members, 3 online",
        [
            ("Nora", "The night import took two hours again. Any idea why?"),
            ("", "One missing index. It reads the whole table for every single row."),
            ("Nora", "So we add it and go home early?"),
            ("", "Already added. The same import now takes four minutes."),
            ("Tim", "Please write this down before we forget it."),
        ],
    ),
    "terminal_backup": lambda: screens.terminal(
        "backup on the old laptop",
        [
            "$ du -sh photos",
            "3.2G    photos",
            "$ tar czf photos.tar.gz photos",
            "$ sha256sum -c photos.sum",
            "photos.tar.gz: OK",
            "$ echo done",
            "done",
        ],
    ),
    "terminal_report": lambda: screens.terminal(
        "отчёт за сутки",
        [
            "$ python report.py",
            "Датчиков на связи: 11 из 12",
            "Измерений принято: 15840",
            "Пропусков: 37",
            "Самый тихий час: 04:00",
            "Отчёт сохранён без ошибок",
        ],
    ),
    "notice_water": lambda: screens.notification(
        screens.LIGHT,
        "Мой дом, сейчас",
        "Отключение воды",
        "В четверг с 10 до 16 часов не будет горячей воды. Меняем кран на вводе в дом.",
    ),
    "notice_battery": lambda: screens.notification(
        screens.DARK,
        "Yard sensors, 2 min ago",
        "Battery is low",
        "Sensor five on the roof has eight percent left. Please change it this week.",
    ),
    "settings_feed": lambda: screens.settings(
        screens.LIGHT,
        "Уведомления",
        [
            ("Новости двора", "Не чаще трёх раз в день", True),
            ("Качество воздуха", "Только когда выше нормы", True),
            ("Объявления соседей", "Собирать в одно письмо", False),
            ("Тихие часы", "С десяти вечера до восьми утра", True),
        ],
    ),
    "settings_export": lambda: screens.settings(
        screens.DARK,
        "Data export",
        [
            ("Include photos", "Up to eight megabytes each", True),
            ("Include videos", "Turn this on for a full copy", False),
            ("Machine readable", "One file with all messages", True),
            ("Ask every time", "Show this page before export", False),
        ],
    ),
    "dialog_disk": lambda: screens.dialog(
        "Disk is almost full",
        "Only two gigabytes are left. Old copies can be removed safely.",
        ("Later", "Clean up"),
    ),
    "weather_week": lambda: screens.weather(
        "Наш двор, октябрь",
        "+9 градусов",
        [
            ("Суббота", "ясно, плюс двенадцать"),
            ("Воскресенье", "дождь, плюс восемь"),
            ("Понедельник", "туман, плюс шесть"),
            ("Вторник", "ветер, плюс пять"),
        ],
    ),
    "timetable_weekday": lambda: screens.timetable(
        "Остановка Липовая", "Трамвай 9, по будням", _WEEKDAY
    ),
    "timetable_weekend": lambda: screens.timetable(
        "Остановка Липовая", "Трамвай 9, по выходным", _WEEKEND
    ),
    "chart_bikes": lambda: charts.bars(
        "Велосипеды на мосту",
        "Поездок за день, сентябрь",
        [("пн", 412), ("вт", 455), ("ср", 438), ("чт", 470), ("пт", 391), ("сб", 268), ("вс", 224)],
        "Считали по видео, ошибка около пяти процентов",
    ),
    "chart_air": lambda: charts.curve(
        "Воздух во дворе",
        "Пыль, микрограммы на кубометр, октябрь",
        [12, 14, 11, 18, 25, 38, 44, 31, 22, 17, 13, 15, 12, 10, 9],
        ["1 октября", "5 октября", "10 октября", "15 октября"],
        "Пик седьмого октября: соседи жгли листья",
    ),
    "chart_waste": lambda: charts.pie(
        "Что мы выбрасываем",
        "Доля от общего веса, двор дома 7",
        [
            ("Пищевые отходы", 38),
            ("Бумага и картон", 24),
            ("Пластик", 19),
            ("Стекло", 12),
            ("Прочее", 7),
        ],
        "Взвешивали четыре недели подряд",
    ),
    "chart_uptime": lambda: charts.ranking(
        "Sensor uptime in October",
        "Share of hours with data",
        [("Bridge", 99.4), ("School roof", 97.8), ("Tram stop", 93.1), ("Garages", 81.5)],
        "Garages lost power twice",
    ),
    "chart_rain": lambda: charts.curve(
        "Rain barrel level",
        "Liters collected, 1 to 12 October",
        [20, 26, 31, 45, 80, 118, 122, 140, 139, 171, 190, 188],
        ["1 Oct", "4 Oct", "8 Oct", "12 Oct"],
        "One barrel under one downpipe",
    ),
    "summary_september": lambda: charts.summary(
        "Итоги сентября",
        "Двор, дом 7",
        [
            "Деревьев посажено: 14, в августе ни одного",
            "Книг обменяли: 131, в августе 86",
            "Заявок закрыто: 27, в августе 19",
            "Новых лавочек: 3, в августе одна",
            "Дней без дождя: 15, в августе 22",
        ],
    ),
    "meme_chart": lambda: pages.meme("КОГДА ГРАФИК РАСТЁТ", "НО ЭТО ГРАФИК ОШИБОК"),
    "scan_minutes": lambda: pages.scan(
        "ПРОТОКОЛ СОБРАНИЯ",
        [
            "Собрание жильцов дома 7 по улице Липовой прошло во дворе 12 октября.",
            "Присутствовали сорок два человека. Повестка: стойка, ремонт освещения, посадка лип.",
            "Решили: поставить стойку для велосипедов на десять мест у второго подъезда.",
            "За проголосовали тридцать девять, против двое, воздержался один.",
            "Решили: заменить шесть фонарей на тёплый свет до первого снега.",
            "Следующее собрание назначить на середину декабря.",
        ],
        "Секретарь собрания: М. Липова",
    ),
    "poster_lecture": lambda: pages.poster(
        ("#f6efe0", "#27402d", "#e4812d"),
        "Лекторий во дворе",
        "Как читать графики",
        ["18 октября, 16 часов", "Беседка у дома 7", "Вход свободный", "Возьмите плед и чай"],
    ),
    "poster_breakfast": lambda: pages.poster(
        ("#1f2a44", "#f4f6fa", "#d95d6a"),
        "Every second Sunday",
        "Data breakfast",
        [
            "Short talks and long coffee",
            "October 25, ten in the morning",
            "Library, second floor",
            "Bring one chart you like",
        ],
    ),
    "quote_card": lambda: pages.quote(
        "Measure twice, plot once, and label both axes before you show it to anyone.",
        "From our workshop notes",
    ),
    "plan_yard": lambda: pages.plan(
        "Датчики во дворе",
        [
            (110, 170, "Дом 7, крыша"),
            (420, 170, "Детский сад"),
            (730, 170, "Школа"),
            (110, 420, "Гаражи"),
            (420, 420, "Беседка"),
            (730, 420, "Остановка"),
        ],
    ),
    "book_sign": lambda: pages.shop_sign("ОБМЕН КНИГ", "возьми одну, оставь две"),
    "avatar": pages.avatar,
    "sticker": pages.sticker,
}


@cache
def draw(name: str) -> Picture:
    """The picture called `name`: the same bytes of color every time."""
    return DRAWN[name]() if name in DRAWN else scenes.draw(name)
