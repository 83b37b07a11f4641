"""The source of all variables: the environment and the file .env."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent.parent
ENV_FILE = BASE_DIR / ".env"


def source(prefix: str = "") -> SettingsConfigDict:
    """Read variables that begin with `prefix`; the environment wins over .env."""
    return SettingsConfigDict(env_prefix=prefix, env_file=ENV_FILE, extra="ignore", frozen=True)
