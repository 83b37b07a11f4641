"""The console: Django's admin under the product's name."""

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig


class ConsoleSite(AdminSite):
    site_header = "Telegram Assistant"
    site_title = "Telegram Assistant"
    index_title = "Console"


class ConsoleConfig(AdminConfig):
    default_site = "telegram_assistant.admin_site.ConsoleSite"
