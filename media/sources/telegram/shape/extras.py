"""Polls, places, offers and the other media without a file, by the keys of an export."""

from typing import Any

from telethon.tl import types

from media.sources.telegram.shape.text import words


def extras_of(media: Any) -> dict[str, Any]:
    """The keys of a medium that is no file; those of an unknown one are none."""
    match media:
        case types.MessageMediaGeo() | types.MessageMediaGeoLive() | types.MessageMediaVenue():
            return _place(media)
        case types.MessageMediaGiveaway() | types.MessageMediaGiveawayResults():
            return _giveaway(media)
        case types.MessageMediaGame() | types.MessageMediaInvoice():
            return _offer(media)
    return _list(media)


def _list(media: Any) -> dict[str, Any]:
    match media:
        case types.MessageMediaPoll():
            return {"poll": _poll(media)}
        case types.MessageMediaToDo():
            return {"todo_list": _todo(media.todo)}
        case types.MessageMediaContact():
            return {"contact_information": {}}  # that there is one; who it is stays in Telegram
    return {}


def _offer(media: Any) -> dict[str, Any]:
    if isinstance(media, types.MessageMediaGame):
        return {"game_title": media.game.title, "game_description": media.game.description}
    told = {name: getattr(media, name) for name in ("title", "description", "currency")}
    return {"invoice_information": told | {"amount": media.total_amount}}


def _poll(media: types.MessageMediaPoll) -> dict[str, Any]:
    """Votes are unknown where Telegram says `min`: to who has not voted it shows none."""
    poll, results = media.poll, media.results
    votes = {r.option: r.voters for r in results.results or ()}
    return {
        "question": words(poll.question),
        "closed": bool(poll.closed),
        "total_voters": results.total_voters,
        "answers": [
            {"text": words(a.text), "voters": votes.get(getattr(a, "option", None))}
            for a in poll.answers
        ],
    }


def _todo(todo: types.TodoList) -> dict[str, Any]:
    return {
        "title": words(todo.title),
        "answers": [{"text": words(item.title)} for item in todo.list],
    }


def _place(media: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(media.geo, types.GeoPoint):
        found["location_information"] = {"latitude": media.geo.lat, "longitude": media.geo.long}
    if isinstance(media, types.MessageMediaGeoLive):
        found["live_location_period_seconds"] = media.period
    if isinstance(media, types.MessageMediaVenue):
        found |= {"place_name": media.title, "address": media.address}
    return found


def _giveaway(media: Any) -> dict[str, Any]:
    """Describe a giveaway without its winners."""
    names = {
        "additional_prize": media.prize_description, "months": media.months, "stars": media.stars,
        "is_only_new_subscribers": bool(media.only_new_subscribers),
    }  # fmt: skip
    if isinstance(media, types.MessageMediaGiveawayResults):
        more = {"winners_count": media.winners_count, "unclaimed_count": media.unclaimed_count}
        return {"giveaway_results": {k: v for k, v in (names | more).items() if v is not None}}
    more = {"quantity": media.quantity, "countries": media.countries_iso2}
    return {"giveaway_information": {k: v for k, v in (names | more).items() if v is not None}}
