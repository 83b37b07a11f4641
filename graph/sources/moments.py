from datetime import UTC, datetime


def written(moment: datetime | None) -> str | None:
    """The moment as the graph has it: a text in UTC that sorts as time goes."""
    if moment is None:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
