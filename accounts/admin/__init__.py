"""The console's pages of accounts. Importing a module registers its pages."""

from accounts.admin import audit, tenants, users

__all__ = ["audit", "tenants", "users"]
