import os

from django.core.wsgi import get_wsgi_application

from telegram_assistant.metrics import folder

folder.role = "web"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "telegram_assistant.settings")
application = get_wsgi_application()

from telegram_assistant import settings_audit, urls  # noqa: E402, F401 - need the settings

settings_audit.of_web_server()
