"""The console's pages of accounts. Importing a module registers its pages."""

from accounts.admin import audit, sessions, tenants, tokens, users

__all__ = ["audit", "sessions", "tenants", "tokens", "users"]
