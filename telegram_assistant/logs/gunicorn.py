"""
gunicorn's settings: `gunicorn -c python:telegram_assistant.logs.gunicorn …`.

Its lines, also those from before the application is there, go through the same pipe. It writes no
line for a request: the middleware `access` does, with the trace id. Every name of this module that
is the name of a setting is one.
"""

import sys

from django.core.exceptions import ImproperlyConfigured

from events.logs import redaction
from telegram_assistant.config import read
from telegram_assistant.logs import setup
from telegram_assistant.logs.secrets import secrets_of

try:
    _env = read()
except ImproperlyConfigured as error:
    sys.exit(str(error))

redaction.know(secrets_of(_env))
logconfig_dict = setup.settings(level=_env.web.log_level, form=_env.web.log_format)
limit_request_line = 8190  # the most it allows: a query of 1,000 Russian letters is 6,000 bytes
