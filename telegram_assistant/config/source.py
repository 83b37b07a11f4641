"""The source of all variables: the environment and the file .env."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent.parent


def source(prefix: str = "") -> SettingsConfigDict:
    """Read variables that begin with `prefix`; the environment wins over .env."""
    return SettingsConfigDict(
        env_prefix=prefix, env_file=BASE_DIR / ".env", extra="ignore", frozen=True
    )
