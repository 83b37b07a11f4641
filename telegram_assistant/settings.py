"""Django's settings. What can be configured comes from `config`."""

from datetime import timedelta
from pathlib import Path

import django_stubs_ext

from accounts.rate_limits.rate import NONE as NO_RATES
from events.logs import redaction
from telegram_assistant import config, secret_key
from telegram_assistant.logs import setup as log_setup
from telegram_assistant.logs.secrets import secrets_of
from telegram_assistant.metrics import folder as metrics_folder
from telegram_assistant.security import content_policy

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
DEBUG, DEPLOYED = ENV.web.debug, ENV.web.deployed
ALLOWED_HOSTS = ENV.web.allowed_hosts
CSRF_TRUSTED_ORIGINS = ENV.web.csrf_trusted_origins
IS_HTTPS = ENV.web.is_https
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_HSTS_SECONDS = int(ENV.web.hsts_for.total_seconds())
SECURE_HSTS_INCLUDE_SUBDOMAINS = ENV.web.hsts_subdomains
# A proxy on this host is believed by gunicorn; one elsewhere only where the installation says so.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENV.api.trusted_proxies else None
SECURE_REDIRECT_EXEMPT = [r"^metrics$", r"^health"]  # asked on this host, behind the proxy
# Preloading (W021) is asked of the makers of browsers, for a whole domain and nearly for good: it
# is for the owner of the domain to decide, not for a program. W005: HSTS_SUBDOMAINS says no.
SILENCED_SYSTEM_CHECKS = ["security.W021"] + ["security.W005"] * (not ENV.web.hsts_subdomains)
# Browsers take a cookie with this prefix from this very host only, and through HTTPS.
COOKIE_PREFIX = "__Host-" if IS_HTTPS else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}sessionid"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}csrftoken"
CSRF_COOKIE_HTTPONLY = True  # no page of ours reads it: forms and Swagger UI carry the token
# Not Strict: whoever follows a link to the console from a chat would seem to be signed out.
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
PASSWORD_RESET_TIMEOUT = 3600  # seconds that a link which sets a password is good for
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # no third cookie
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": content_policy.directives(
        pictures_from=content_policy.bucket_origins(ENV.s3), https=IS_HTTPS
    )
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440  # bytes of a request's body, of whichever kind
DATA_UPLOAD_MAX_NUMBER_FILES = 0  # no page takes any
AUTH_USER_MODEL = "accounts.User"

# --- Apps ------------------------------------------------------------------------------
INSTALLED_APPS = [
    "telegram_assistant.apps.TelegramAssistantConfig",
    "graph",
    "search",
    "albums",
    "crawl",
    "vision",
    "media",
    "storage_quota",
    "events",
    "accounts",
    "django_q",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "auditlog",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "accounts.sign_in.apps.SocialAccountConfig",
    "allauth.socialaccount.providers.openid_connect",
    "telegram_assistant.console.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.humanize",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "telegram_assistant.api.trace.TraceMiddleware",
    "telegram_assistant.logs.access.AccessMiddleware",
    "telegram_assistant.security.headers.HeadersMiddleware",
    "telegram_assistant.security.policy_middleware.PolicyMiddleware",
    "telegram_assistant.security.body_limit.BodyLimitMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "telegram_assistant.console.odd_values.CookiesWithoutNul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.audit.middleware.AuditMiddleware",
    "accounts.middleware.PreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.sign_in.middleware.SignInMiddleware",
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
                "csp.context_processors.nonce",
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
        # Above this what has run out goes, and if that is not enough, what has not: of Django's 300
        # a busy hour of albums leaves none for the codes of second factors that were used.
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Signing in -------------------------------------------------------------------------------
SIGN_IN = ENV.sign_in
OIDC = ENV.oidc
EMAIL = ENV.email
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"
AUTHENTICATION_BACKENDS = ["accounts.sign_in.backend.Backend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},  # 8 characters
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.sign_in.passwords.KnownPasswordValidator"},
    {"NAME": "accounts.sign_in.passwords.PasswordChangeNoticed"},
]
SESSION_COOKIE_AGE = int(timedelta(days=SIGN_IN.session_days).total_seconds())
ACCOUNT_ADAPTER = "accounts.sign_in.adapter.SignInAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]  # nobody signs up; the door asks for these two
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True  # a session has one length, and no box to tick
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if IS_HTTPS else "http"
ACCOUNT_FORMS = {"change_password": "accounts.sign_in.pages.forms.PasswordForm"}
# `accounts.sign_in.guesses.limits` limits guesses, exactly. django-allauth's limits count in a cache: they
# stay where no guess is limited, and are off where they would keep out whom ours lets in, such as
# the owner of an account behind the address of an attacker.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": None}
MFA_RATE_LIMITS = {"webauthn_login": None}
# Codes of the period before and after are right, too: clocks differ, and typing takes time (RFC 6238, 5.2).
MFA_TOTP_TOLERANCE = 1
MFA_ADAPTER = "accounts.sign_in.second_factor.SecondFactorAdapter"
MFA_FORMS = {
    "activate_totp": "accounts.sign_in.second_factor.AppForm",
    "authenticate": "accounts.sign_in.second_factor.CodeForm",
    "reauthenticate": "accounts.sign_in.second_factor.ConfirmationForm",
    "add_webauthn": "accounts.sign_in.second_factor.PasskeyForm",
    "edit_webauthn": "accounts.sign_in.second_factor.RenamePasskeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True  # nobody's address is verified here
SOCIALACCOUNT_ADAPTER = "accounts.sign_in.identities.IdentityAdapter"
SOCIALACCOUNT_PROVIDERS = OIDC.providers()
EMAIL_BACKEND = (
    "accounts.mail.GuardedBackend"
    if EMAIL.configured
    else "django.core.mail.backends.dummy.EmailBackend"
)
EMAIL_HOST, EMAIL_PORT, EMAIL_HOST_USER = EMAIL.host, EMAIL.port, EMAIL.host_user
EMAIL_HOST_PASSWORD = EMAIL.host_password.get_secret_value()
EMAIL_USE_TLS, EMAIL_USE_SSL = EMAIL.security == "starttls", EMAIL.security == "tls"
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = EMAIL.sender

# --- Audit ------------------------------------------------------------------------------------
# django-auditlog compares rows and tells `accounts.AuditEntry`, which is no model of its own.
AUDIT_KEPT = timedelta(days=ENV.audit.kept_days)
AUDITLOG_LOGENTRY_MODEL = "accounts.AuditEntry"
AUDITLOG_USE_BASE_MANAGER = True
AUDITLOG_STORE_JSON_CHANGES = True
AUDITLOG_DISABLE_ON_RAW_SAVE = True
AUDITLOG_MASK_CALLABLE = "accounts.audit.values.hidden"
MIGRATION_MODULES = {"auditlog": None, "knox": None}  # their own tables are not used

# --- Languages and times ------------------------------------------------------------------
LANGUAGE_CODE = ENV.web.language_code
LANGUAGES = [("ru", "Русский"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "telegram_assistant" / "locale"]
TIME_ZONE = ENV.web.time_zone
USE_TZ = True

# --- Files ----------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)  # WhiteNoise warns where it is absent
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_ALLOW_ALL_ORIGINS = False  # pages of other hosts have no business with our scripts
OBJECTS_DIR = VAR_DIR / "objects"

# --- This product ------------------------------------------------------------------------
S3 = ENV.s3
LIMITS = ENV.s3.limits()
CLEANUP = ENV.s3.cleanup()
VISION = ENV.vision
DOCUMENTS = ENV.documents
GIGACHAT = ENV.gigachat
SEARCH = ENV.search
CRAWL = ENV.crawl
TELEGRAM = ENV.telegram
QDRANT = ENV.qdrant
NEO4J = ENV.neo4j
GRAPH_DIR = VAR_DIR / "graph"
HISTORY = ENV.history
RECENT_POST_AGE = timedelta(hours=ENV.vision.vision_live_hours)
"""Age up to which a post is recent when it comes in; older ones are backfill."""
ALBUM_TIMEOUT = timedelta(minutes=ENV.albums.timeout_minutes)

# --- HTTP API -----------------------------------------------------------------------------------
TRUSTED_PROXIES = ENV.api.trusted_proxies
# Whoever asks through the web server is counted. Inside of a process (`e2e_vision`, tests) nobody is.
API_RATES = ENV.api.rates() if metrics_folder.role == "web" else NO_RATES
API_TOKEN_LIFETIME = timedelta(days=ENV.api.api_token_days)
API_TOKEN_MAX_LIFETIME = timedelta(days=ENV.api.api_token_max_days)
KNOX_TOKEN_MODEL = "accounts.ApiToken"  # noqa: S105 - the name of a model
REST_KNOX = {"TOKEN_TTL": API_TOKEN_LIFETIME, "TOKEN_PREFIX": "ta_"}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.tokens.authentication.CountedToken",  # the first one words the 401
        "accounts.tokens.authentication.CountedSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.rest.IsMember"],
    "DEFAULT_PARSER_CLASSES": ["telegram_assistant.api.json.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "telegram_assistant.api.pages.BrowsableAPI",
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
    "ENUM_NAME_OVERRIDES": {"DeletionEnum": ["live", "absent"]},  # of media.models.Deletion
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
