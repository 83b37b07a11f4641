"""The console's pages of accounts. Importing a module registers its pages."""

from accounts.admin import tenants, users

__all__ = ["tenants", "users"]
