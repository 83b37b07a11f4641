"""What every endpoint of the API shares: problems, trace ids, tokens, pages, the description."""

import json
import re
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from django.urls import path
from rest_framework import permissions, serializers
from rest_framework.generics import ListAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Membership, Tenant, User
from events.errors import DomainError, RetryLater
from events.logs import trace
from telegram_assistant import urls as product
from tests.tokens import token_of

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:No directory at"),  # nobody ran collectstatic here
]

OWN = {"type", "title", "status", "detail", "code", "trace_id"}


class Full(DomainError):
    code = "full"
    http_status = 507

    def context(self):
        return {"available": 7, "status": "not this one"}


class Form(serializers.Serializer):
    number = serializers.IntegerField(min_value=1)
    inner = serializers.ListField(child=serializers.ChoiceField(choices=["a"]), default=list)


class FailView(APIView):
    permission_classes = (permissions.AllowAny,)

    def get(self, request):
        raise FAILURES[request.query_params["with"]]

    def post(self, request):
        form = Form(data=request.data)
        form.is_valid(raise_exception=True)
        return Response({"trace": trace.current(), **form.validated_data})


class TenantSerializer(serializers.ModelSerializer):
    class Meta:
        model = Tenant
        fields = ("name",)


class TenantsView(ListAPIView):
    serializer_class = TenantSerializer
    queryset = Tenant.objects.order_by("name")


FAILURES = {
    "domain": Full("7 B are left"),
    "later": RetryLater("secret host is down", after=timedelta(seconds=90)),
    "database": OperationalError("secret host is down"),
    "bug": KeyError("secret"),
}
urlpatterns = [
    path("api/fail", FailView.as_view()),
    path("api/tenants", TenantsView.as_view()),
    *product.urlpatterns,
]
handler400, handler500 = product.handler400, product.handler500


@pytest.fixture(autouse=True)
def _addresses(settings):
    settings.ROOT_URLCONF = __name__


@pytest.fixture
def post(client):
    def make(body, content_type="application/json", **headers):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.generic("POST", "/api/fail", raw, content_type, headers=headers)

    return make


def problem(answer, status):
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert set(body) >= OWN
    assert body["status"] == status
    assert body["type"] == f"urn:telegram-assistant:problem:{body['code']}"
    assert body["trace_id"] == answer["X-Trace-ID"]
    return body


class TestProblems:
    def test_a_domain_error_comes_with_its_code_and_its_figures(self, client):
        english = {"Accept-Language": "en"}
        body = problem(client.get("/api/fail?with=domain", headers=english), 507)

        assert (body["code"], body["detail"], body["available"]) == ("full", "7 B are left", 7)
        assert body["title"] == "Insufficient Storage"

    def test_what_is_busy_says_when_to_come_again_and_not_why(self, client):
        answer = client.get("/api/fail?with=later")

        assert problem(answer, 503)["code"] == "retry_later"
        assert answer["Retry-After"] == "90"
        assert b"secret" not in answer.content

    def test_a_database_that_is_away_is_no_bug_of_ours(self, client):
        answer = client.get("/api/fail?with=database")

        assert problem(answer, 503)["code"] == "unavailable"
        assert b"secret" not in answer.content

    def test_of_a_bug_the_caller_learns_the_trace_id_and_the_log_the_rest(self, client, caplog):
        answer = client.get("/api/fail?with=bug", headers={"X-Trace-ID": "e2e_test_x"})

        assert problem(answer, 500)["code"] == "internal_error"
        assert b"secret" not in answer.content
        [record] = [r for r in caplog.records if r.name == "telegram_assistant.api.problems"]
        assert record.exc_info[1].args == ("secret",)

    def test_values_are_refused_field_by_field(self, post):
        body = problem(post({"number": 0, "inner": ["a", "b"]}), 422)

        assert body["code"] == "invalid"
        assert [(e["field"], e["code"]) for e in body["errors"]] == [
            ("number", "min_value"),
            ("inner.1", "invalid_choice"),
        ]

    @pytest.mark.parametrize("body", ["[]", "null", '"text"', "7", "true", "[1, 2]"])
    def test_a_body_that_is_no_object_is_refused(self, post, body):
        problem(post(body.encode()), 422)

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"nonsense",
            b'{"number": NaN}',
            b'{"number": 1}\xff',
            b"[" * 100_000,
            b'{"number": ' + b"9" * 5000 + b"}",
            b'{"number": "\\ud800"}',
            b"\xff\xfe\x00",
        ],
        ids=["cut", "text", "nan", "not utf-8", "deep", "endless", "surrogate", "utf-16"],
    )
    def test_what_is_no_json_is_a_bad_request(self, post, body):
        assert problem(post(body), 400)["code"] == "parse_error"

    @pytest.mark.parametrize("charset", ["utf-16", "zip", "base64", "rot13", "nonsense", "hex"])
    def test_json_is_utf_8_whatever_the_content_type_says(self, post, charset):
        answer = post(b'{"number": 5}', f"application/json; charset={charset}")

        assert answer.status_code == 200
        assert answer.json()["number"] == 5

    @pytest.mark.parametrize(
        "content_type", ["text/plain", "application/xml", "multipart/form-data", "x", "a/b/c;;"]
    )
    def test_other_content_types_are_not_supported(self, post, content_type):
        assert problem(post(b"number=5", content_type), 415)["code"] == "unsupported_media_type"

    def test_a_body_that_is_too_large_is_refused(self, post, settings):
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100

        answer = post({"number": "1" * 200})

        assert problem(answer, 413)["code"] == "too_large"

    def test_addresses_that_are_not_there_and_methods_that_are_not_either(self, client):
        assert problem(client.get("/api/v1/nothing"), 404)["code"] == "not_found"
        assert problem(client.post("/api/"), 404)["code"] == "not_found"
        assert problem(client.delete("/api/fail"), 405)["code"] == "method_not_allowed"

    @pytest.mark.parametrize("failure", ["later", "database", "bug"])
    def test_failures_are_told_in_the_language_that_is_asked_for(self, client, failure):
        english, russian = (
            client.get(f"/api/fail?with={failure}", headers={"Accept-Language": language}).json()
            for language in ("en", "ru")
        )

        assert (english["code"], english["type"]) == (russian["code"], russian["type"])
        for member in ("title", "detail"):
            assert re.search("[a-z]", english[member])
            assert re.search("[а-я]", russian[member])
            assert not re.findall("[A-Za-z]{3,}", russian[member].replace("trace id", ""))

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            (b'{"number" 1}', "ожидается «:» (строка 1, столбец 11)"),
            (b'{"number": 1}\xff', "это не UTF-8"),
            (b'{"number": NaN}', "в нём есть число, которое нельзя прочесть"),
            (b'{"number": "\\ud800"}', "половина суррогатной пары"),
        ],
    )
    def test_why_a_body_is_no_json_is_told_as_well(self, post, body, told):
        answer = post(body, **{"Accept-Language": "ru"})

        assert problem(answer, 400)["detail"] == f"Тело запроса – не JSON: {told}."

    def test_sentences_about_several_fields_follow_each_other(self, post):
        answer = post({"number": 0, "inner": ["b"]}, **{"Accept-Language": "ru"})

        assert problem(answer, 422)["detail"] == (
            "number: Убедитесь, что это значение больше либо равно 1;"
            " inner.0: Значения b нет среди допустимых вариантов."
        )

    def test_what_cannot_be_rendered_is_not_acceptable(self, client):
        answer = client.get("/api/fail?with=domain", headers={"Accept": "image/png"})

        assert problem(answer, 406)["code"] == "not_acceptable"

    def test_a_strange_host_is_a_problem_too(self, client):
        assert problem(client.get("/api/docs/", headers={"Host": "evil.example"}), 400)

    def test_outside_of_the_api_django_answers_as_ever(self, client):
        answer = client.get("/admin/", headers={"Host": "evil.example"})

        assert answer.status_code == 400
        assert answer["Content-Type"].startswith("text/html")

    def test_in_a_browser_a_problem_is_a_page(self, client):
        answer = client.get("/api/fail?with=domain", headers={"Accept": "text/html"})

        assert answer.status_code == 507
        assert answer["Content-Type"].startswith("text/html")
        assert b"7 B are left" in answer.content


class TestTrace:
    def test_the_line_in_the_log_carries_it(self, client, log_lines):
        client.get("/api/nothing", headers={"X-Trace-ID": "e2e_test_x"})

        lines = {(line["trace_id"], line["event"]) for line in log_lines("django.request")}
        assert lines == {("e2e_test_x", "Not Found: /api/nothing")}

    @pytest.mark.parametrize("sent", ["e2e_test_x", "A.b:c-d_9", "x" * 128])
    def test_a_harmless_trace_id_is_taken_over(self, post, sent):
        answer = post({"number": 1}, **{"X-Trace-ID": sent})

        assert answer["X-Trace-ID"] == answer.json()["trace"] == sent

    @pytest.mark.parametrize("sent", ["", "a b", "x" * 129, "a\tb", "ы", "<script>", "a,b"])
    def test_any_other_is_replaced(self, post, sent):
        answer = post({"number": 1}, **{"X-Trace-ID": sent})

        assert answer["X-Trace-ID"].startswith("req_")
        assert len(answer["X-Trace-ID"]) == 20
        assert answer["X-Trace-ID"] == answer.json()["trace"]

    def test_two_requests_have_two_and_nothing_is_left_behind(self, client):
        first, second = (client.get("/api/fail?with=domain")["X-Trace-ID"] for _ in range(2))

        assert first != second
        assert trace.current() == ""

    def test_the_console_answers_with_one_too(self, client):
        assert client.get("/admin/")["X-Trace-ID"].startswith("req_")


class TestWhoAsks:
    def test_nobody_is_told_to_bring_a_token(self, client):
        answer = client.get("/api/tenants")

        assert problem(answer, 401)["code"] == "not_authenticated"
        assert answer["WWW-Authenticate"] == "Token"

    @pytest.mark.parametrize("sent", ["Token nonsense", "Token", "Token a b", "Token \xff"])
    def test_a_token_nobody_has_is_refused(self, client, sent):
        answer = client.get("/api/tenants", headers={"Authorization": sent})

        assert problem(answer, 401)["code"] == "authentication_failed"

    def test_a_token_speaks_for_its_user_while_he_is_active(self, client):
        user = User.objects.create_user("bob")
        Membership.objects.create(user=user, tenant=Tenant.objects.create(name="Bob's"))
        _, headers = token_of(user)

        assert client.get("/api/tenants", headers=headers).status_code == 200
        User.objects.update(is_active=False)
        assert client.get("/api/tenants", headers=headers).status_code == 401

    def test_who_belongs_to_no_tenant_may_see_nothing(self, client):
        client.force_login(User.objects.create_user("bob"))

        assert problem(client.get("/api/tenants"), 403)["code"] == "permission_denied"

    def test_a_session_needs_its_csrf_token_to_change_anything(self):
        client = Client(enforce_csrf_checks=True)
        client.force_login(User.objects.create_superuser("operator"))

        answer = client.post("/api/fail", {"number": 1}, content_type="application/json")

        assert problem(answer, 403)["code"] == "permission_denied"


class TestPages:
    @pytest.fixture(autouse=True)
    def _tenants(self):
        Tenant.objects.bulk_create([Tenant(name=f"{n:03}") for n in range(120)])

    def test_a_page_says_where_it_stands(self, operator):
        body = operator.get("/api/tenants").json()

        assert {**body, "results": len(body["results"])} == {
            "results": 50, "total": 120, "page": 1, "page_size": 50,
        }  # fmt: skip
        assert body["results"][0] == {"name": "000"}

    def test_pages_join_without_gaps(self, operator):
        names = [
            row["name"]
            for page in (1, 2, 3, 4)
            for row in operator.get(f"/api/tenants?page={page}&page_size=40").json()["results"]
        ]

        assert names == [f"{n:03}" for n in range(120)]

    @pytest.mark.parametrize(
        "query",
        [
            "page=0", "page=-1", "page=x", "page=", "page=1.5", "page=99999999999999999999",
            "page_size=0", "page_size=101", "page_size=all", "page=%00", "page=1&page_size=1e3",
        ],
    )  # fmt: skip
    def test_bounds_are_refused_not_corrected(self, operator, query):
        body = problem(operator.get(f"/api/tenants?{query}"), 422)

        assert body["errors"][0]["field"] in {"page", "page_size"}


class TestDescription:
    def test_it_is_valid_and_drf_spectacular_has_no_doubts(self, settings, tmp_path):
        settings.ROOT_URLCONF = product.__name__

        call_command(
            "spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml")
        )

    def test_it_is_for_those_who_are_logged_in(self, client):
        problem(client.get("/api/schema/"), 401)
        answer = client.get("/api/docs/")

        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/")
        assert client.get(answer["Location"]).status_code == 200

    def test_the_page_needs_no_other_host(self, operator):
        page = operator.get("/api/docs/").content.decode()

        assert "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js" in page
        assert "https://" not in page
        assert "//cdn" not in page

    def test_every_operation_says_that_it_may_end_in_a_problem(self, operator):
        schema = operator.get("/api/schema/?format=json").json()

        operations = [op for item in schema["paths"].values() for op in item.values()]
        assert operations
        assert all("default" in operation["responses"] for operation in operations)
        assert set(schema["components"]["schemas"]["Problem"]["required"]) == OWN
