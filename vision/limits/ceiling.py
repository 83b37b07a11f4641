"""
Ceiling of a call: the tokens that are reserved before the provider is asked about a picture.

What a picture costs is not published; it shows up in the answer only. The ceiling is therefore
the highest of three figures: the setting, what is known of a call before it is made, and the
greatest cost of any call so far with a margin. The last one is a row that the settling
transaction raises, so that every worker on every host reserves more from that commit on.
"""

import math
from typing import Final

from django.conf import settings

from events.postgresql import one_trip
from events.postgresql.one_trip import Statement
from events.postgresql.prepared import Prepared
from vision.models import CallCost
from vision.policy.prompts import longest
from vision.policy.schema import VisionPolicy

MARGIN: Final = 1.25
"""The greatest cost seen is a sample, not a bound: the next picture may be larger."""
CHARS_PER_TOKEN: Final = 2
"""Russian text has three to four characters in a token; two are on the safe side."""


def ceiling_of(provider: str, model: str, policy: VisionPolicy) -> int:
    """The tokens to reserve for one call; `policy` is the tenant's and has its prompts."""
    return ceiling_after(most_seen(provider, model), model, policy)


def ceiling_after(most: int, model: str, policy: VisionPolicy) -> int:
    """The tokens to reserve for one call of the model whose most expensive call cost `most`."""
    vision = settings.VISION
    prompt = math.ceil(len(longest(policy.prompt_presets)) / CHARS_PER_TOKEN)
    known = prompt + vision.vision_max_output_tokens
    return max(vision.tokens_ceiling(model), known, math.ceil(most * MARGIN))


def most_seen(provider: str, model: str) -> int:
    """Tokens of the most expensive call of the model so far, 0 before the first."""
    [rows] = one_trip.fetch(cost_of(provider, model))
    return int(rows[0][0]) if rows else 0


_COST = Prepared(
    CallCost.objects.values_list("most_tokens").filter,
    provider="a provider",
    model="a model",
)


def cost_of(provider: str, model: str) -> Statement:
    """The tokens of the most expensive call of the model, if there was any."""
    return _COST.statement(provider=provider, model=model)


def learn(provider: str, model: str, tokens: int) -> None:
    """Raise the greatest cost if this call cost more; in the transaction that settles the call."""
    known = CallCost.objects.filter(provider=provider, model=model)
    # Nothing is written as long as no call costs more: an update at each answer would queue all.
    if known.filter(most_tokens__gte=tokens).exists():
        return
    CallCost.objects.get_or_create(provider=provider, model=model, defaults={"most_tokens": tokens})
    # Conditional: of two that settle at the same time the higher figure stays.
    known.filter(most_tokens__lt=tokens).update(most_tokens=tokens)
