"""What the failures of S3 are called; `errors` chooses. Retold in the reader's language."""

from typing import Final

from events.sentences import Sentence
from events.sentences import gettext_noop as _

TLS: Final = (
    (
        ("WRONG_VERSION", "RECORD_LAYER", "HTTP_REQUEST", "UNEXPECTED_EOF"),
        Sentence(
            _(
                "S3 at %(url)s speaks no TLS: begin S3_ENDPOINT_URL with http://, or name its TLS"
                " port"
            )
        ),
    ),
    (
        ("HOSTNAME", "NOT_VALID_FOR", "IP_ADDRESS_MISMATCH"),
        Sentence(
            _(
                "S3 at %(url)s has the certificate of another host: correct the host in"
                " S3_ENDPOINT_URL"
            )
        ),
    ),
    (
        ("EXPIRED", "NOT_YET_VALID"),
        Sentence(
            _(
                "S3 at %(url)s has a certificate that is not valid now: set this machine's clock,"
                " or have it renewed"
            )
        ),
    ),
    (
        ("VERIFY_FAILED",),
        Sentence(
            _(
                "S3 at %(url)s has a certificate of an unknown authority: name that one's"
                " certificate in S3_CA_BUNDLE"
            )
        ),
    ),
    (
        ("NO_CERTIFICATE", "PEM", "X509"),
        Sentence(
            _(
                "S3 at %(url)s cannot be checked: there is no certificate in the file S3_CA_BUNDLE"
                " names (is it a key?)"
            )
        ),
    ),
)
"""Signs of a cause in the words of OpenSSL, and what to do about it."""
NO_TLS: Final = Sentence(
    _("S3 at %(url)s makes no TLS connection (%(said)s): check S3_ENDPOINT_URL and S3_CA_BUNDLE")
)
BROKEN_OFF: Final = Sentence(
    _(
        "S3 at %(url)s broke its listing off, or what answers is no S3: try again, check"
        " S3_ENDPOINT_URL, see the provider's status"
    )
)
PROXY: Final = Sentence(
    _(
        "The proxy on the way to S3 at %(url)s does not answer or refuses: check HTTPS_PROXY,"
        " HTTP_PROXY and NO_PROXY"
    )
)
UNKNOWN_HOST: Final = Sentence(
    _(
        "The name of the host in S3_ENDPOINT_URL %(url)s is not known (DNS): correct it, or see to"
        " this machine's name server"
    )
)
SILENT: Final = Sentence(
    _(
        "S3 at %(url)s does not answer (%(why)s): check the network, S3_ENDPOINT_URL and the"
        " provider's status"
    )
)
FULL: Final = Sentence(
    _(
        "S3 has no room in %(bucket)s: raise the provider's quota or clean up, and set"
        " S3_TOTAL_LIMIT_GB below that quota"
    )
)
GIVEN_UP: Final = Sentence(_("S3 gave up the upload of %(key)s: it has to be put again"))
REGION: Final = Sentence(
    _(
        "The bucket %(bucket)s is in another region or elsewhere (%(code)s): correct S3_REGION and"
        " S3_ENDPOINT_URL"
    )
)
BAD_NAME: Final = Sentence(_("%(bucket)s is no name of a bucket: check S3_BUCKET_NAME"))
TLS_ONLY: Final = Sentence(_("S3 at %(url)s speaks TLS only: begin S3_ENDPOINT_URL with https://"))
NO_BUCKET: Final = Sentence(_("There is no bucket %(bucket)s: check S3_BUCKET_NAME"))
ANSWERED: Final = Sentence(
    _(
        "S3 at %(url)s answered HTTP %(status)s %(code)s for %(key)s: if that lasts, see the"
        " provider's status"
    )
)
CLOCK: Final = Sentence(
    _(
        "S3 refuses requests: the clock of this machine (%(host)s) is %(by)s that of"
        " S3_ENDPOINT_URL %(url)s. Set the clock (NTP)"
    )
)
FAR_OFF: Final = _("more than 15 minutes off")
AHEAD: Final = Sentence(_("%(minutes)s minutes ahead of"))
BEHIND: Final = Sentence(_("%(minutes)s minutes behind"))
NO_DELETING: Final = Sentence(
    _("S3 allows no deleting from %(bucket)s: give S3_ACCESS_KEY_ID that right (%(operation)s)")
)
NO_WRITING: Final = Sentence(
    _("S3 allows no writing to %(bucket)s: give S3_ACCESS_KEY_ID that right (%(operation)s)")
)
DENIED: Final = Sentence(
    _(
        "S3 denies access to %(bucket)s (%(code)s, %(operation)s): check S3_ACCESS_KEY_ID and"
        " S3_SECRET_ACCESS_KEY, and that they may read and list the bucket"
    )
)
