"""The port of a provider that writes text: what it takes, and what it returns."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from vision.providers.port import TokenUsage


@dataclass(frozen=True, slots=True)
class TextRequest:
    """Instructions, what is to be answered by them, and the most tokens of the answer."""

    instructions: str
    content: str
    max_tokens: int


@dataclass(frozen=True, slots=True)
class WrittenText:
    """
    An answer as the provider gave it; nothing in it has been checked.

    `is_cut`: the most tokens were not enough. `is_refused`: the provider does not talk about this.
    """

    text: str
    usage: TokenUsage
    is_cut: bool = False
    is_refused: bool = False


class TextProvider(Protocol):
    """
    Writes a text. Raises ProviderBusy, ProviderRefused and ProviderMisconfigured.

    `seconds` that one call may take are fixed when it is made.
    """

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    def write(self, request: TextRequest, *, now: datetime) -> WrittenText: ...
