"""Django's settings. What can be configured comes from `config`."""

from datetime import timedelta
from pathlib import Path

import django_stubs_ext

from events.logs import redaction
from telegram_assistant import config, secret_key
from telegram_assistant.logs import setup as log_setup
from telegram_assistant.logs.secrets import secrets_of
from telegram_assistant.metrics import folder as metrics_folder

django_stubs_ext.monkeypatch()

BASE_DIR = config.BASE_DIR
ENV = config.read()
VAR_DIR: Path = ENV.web.var_dir
METRICS = ENV.metrics
metrics_folder.prepare(VAR_DIR)  # before anything imports prometheus_client

# --- Security ---------------------------------------------------------------------------
SECRET_KEY = (
    ENV.web.django_secret_key.get_secret_value()
    if ENV.web.django_secret_key
    else secret_key.read_or_make(VAR_DIR)
)
DEBUG = ENV.web.debug
ALLOWED_HOSTS = ENV.web.allowed_hosts
CSRF_TRUSTED_ORIGINS = ENV.web.csrf_trusted_origins
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = ENV.web.https_only
SECURE_HSTS_SECONDS = int(timedelta(days=30).total_seconds()) if ENV.web.https_only else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENV.web.https_only else None
SECURE_REDIRECT_EXEMPT = [r"^metrics$", r"^health"]  # asked on this host, behind the proxy
X_FRAME_OPTIONS = "DENY"
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.RoleBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]

# --- Apps ------------------------------------------------------------------------------
INSTALLED_APPS = [
    "telegram_assistant.apps.TelegramAssistantConfig",
    "search",
    "albums",
    "vision",
    "media",
    "storage_quota",
    "events",
    "accounts",
    "django_q",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "telegram_assistant.console.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "telegram_assistant.api.trace.TraceMiddleware",
    "telegram_assistant.logs.access.AccessMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "telegram_assistant.console.odd_values.CookiesWithoutNul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.PreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
ROOT_URLCONF = "telegram_assistant.urls"
WSGI_APPLICATION = "telegram_assistant.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
# A list of pictures is a hundred requests: each thread of the web server keeps its connection and
# checks it once per request. No advisory lock of a session (`events.postgresql.advisory_locks`) is lost by the
# age: Django closes old connections between requests only, django-q2 between tasks only.
DATABASES = {
    "default": ENV.web.database() | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True},
}
# One cache for all processes and hosts: Django's default would be another one in each process.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache_entry",  # the table of telegram_assistant.models.CacheEntry
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Languages and times ------------------------------------------------------------------
LANGUAGE_CODE = ENV.web.language_code
LANGUAGES = [("ru", "Русский"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "telegram_assistant" / "locale"]
TIME_ZONE = ENV.web.time_zone
USE_TZ = True

# --- Files ----------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns where it is absent
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
OBJECTS_DIR = VAR_DIR / "objects"

# --- This product ------------------------------------------------------------------------
S3 = ENV.s3
LIMITS = ENV.s3.limits()
CLEANUP = ENV.s3.cleanup()
VISION = ENV.vision
GIGACHAT = ENV.gigachat
SEARCH = ENV.search
RECENT_POST_AGE = timedelta(hours=ENV.vision.vision_live_hours)
"""Age up to which a post is recent when it comes in; older ones are backfill."""
ALBUM_TIMEOUT = timedelta(minutes=ENV.albums.timeout_minutes)

# --- HTTP API -----------------------------------------------------------------------------------
LOGIN_URL = "rest_framework:login"
LOGIN_REDIRECT_URL = "api-docs"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",  # the first one words the 401
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.IsMember"],
    "DEFAULT_PARSER_CLASSES": ["telegram_assistant.api.json.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "DEFAULT_PAGINATION_CLASS": "telegram_assistant.api.pagination.PageNumbers",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "telegram_assistant.api.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Telegram Assistant",
    "VERSION": "1",
    "DESCRIPTION": "Failures are problems (RFC 9457). `X-Trace-ID` is accepted and returned.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "telegram_assistant.api.schema.add_problems",
    ],
}

# --- Workers ----------------------------------------------------------------------------------
# Deliveries of events are claimed by worker processes (`manage.py worker`), which `qcluster` starts
# and replaces; django-q2 runs the schedules and occasional tasks beside them.
WORKER_PROCESSES = ENV.web.q_workers
Q_CLUSTER = {
    "name": "telegram_assistant",
    "label": "Scheduler",
    "orm": "default",
    "broker_class": "events.queue.Broker",
    "workers": min(2, ENV.web.q_workers),
    "poll": 0.5,
    "timeout": 900,  # seconds; longer than whatever a job waits for: see `time_limits`
    "retry": 960,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": 200,
    "recycle": 0,  # never: the supervisor replaces the whole cluster when a process of it ends
}

# --- Logs ---------------------------------------------------------------------------------------
LOGGING_CONFIG = "telegram_assistant.logs.setup.configure"
LOGGING = log_setup.settings(level=ENV.web.log_level, form=ENV.web.log_format)
redaction.know([SECRET_KEY, *secrets_of(ENV)])
