import os

from django.core.wsgi import get_wsgi_application

from telegram_assistant import collecting
from telegram_assistant.metrics import folder

collecting.pause()
folder.role = "web"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "telegram_assistant.settings")
application = get_wsgi_application()

from events import rooms  # noqa: E402 - needs the settings
from telegram_assistant import settings_audit, urls  # noqa: E402, F401 - need the settings

rooms.load_all()  # not with the first request
collecting.begin()
settings_audit.of_web_server()
