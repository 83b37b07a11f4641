"""The policy engine: contract §3, facts 57 to 60."""

import pytest
import yaml

from vision.policy.decision import FileFacts, decide, decide_post, load_policy
from vision.policy.language import ACCEPTED, detect
from vision.policy.schema import DEFAULT_POLICY_PATH, PolicyRefused, VisionPolicy, parse_policy

KIB = 1024
MIB = 1024 * KIB


@pytest.fixture
def policy():
    return load_policy()


@pytest.fixture
def content():
    return yaml.safe_load(DEFAULT_POLICY_PATH.read_text(encoding="utf-8"))


@pytest.fixture
def picture():
    def _(name="a", size_bytes=500 * KIB, mime="image/jpeg", **known):
        return FileFacts(name, mime, size_bytes, 800, 600, **known)

    return _


@pytest.fixture
def decision(policy, picture):
    def _(channel="alice_travels", language=None, vision_available=True, **facts):
        return decide(
            policy,
            channel=channel,
            file=picture(**facts),
            vision_available=vision_available,
            language=language,
        )

    return _


@pytest.fixture
def outcome(policy):
    """Reasons of a post's pictures, in order."""

    def _(*files, policy=policy, vision_available=True, **rest):
        decisions = decide_post(
            policy,
            channel="alice_travels",
            files=files,
            vision_available=vision_available,
            **rest,
        )
        return [d.reason for d in decisions]

    return _


def changed(content, section, **values):
    return VisionPolicy.model_validate({**content, section: {**content[section], **values}})


def test_fact_057_an_image_over_15_mb_is_denied_and_exactly_15_mb_passes(decision):
    assert decision(size_bytes=15 * MIB).reason == "policy_passed"
    assert decision(size_bytes=15 * MIB + 1).reason == "image_too_large"
    assert decision(size_bytes=15 * MIB + 1).allowed is False


def test_fact_057_a_document_over_40_mb_is_denied_and_exactly_40_mb_passes(decision):
    assert decision(mime="application/pdf", size_bytes=40 * MIB).reason == "policy_passed"
    assert decision(mime="application/pdf", size_bytes=40 * MIB + 1).reason == "document_too_large"


@pytest.mark.parametrize("mime", ["application/zip", "video/mp4", "audio/ogg"])
def test_fact_058_other_types_are_denied_and_the_rest_of_the_post_proceeds(picture, outcome, mime):
    assert outcome(picture("z", mime=mime), picture("a")) == [
        "unsupported_mime_type",
        "policy_passed",
    ]


def test_fact_059_of_five_photos_the_two_largest_are_kept(picture, outcome):
    photos = [picture(str(kb), kb * KIB) for kb in (100, 500, 300, 400, 200)]

    reasons = outcome(*photos)

    assert reasons == [
        "sampled_out",
        "policy_passed",
        "sampled_out",
        "policy_passed",
        "sampled_out",
    ]


def test_fact_059_small_images_are_dropped_where_there_are_more_than_two(picture, outcome):
    small, exactly, large = picture("s", 10 * KIB - 1), picture("e", 10 * KIB), picture("l")

    assert outcome(small, exactly, large) == [
        "small_images_filtered",
        "policy_passed",
        "policy_passed",
    ]


def test_fact_059_small_images_stay_where_there_are_no_more_than_two(picture, outcome):
    assert outcome(picture("a", 100), picture("b", 200)) == ["policy_passed"] * 2


def test_fact_059_an_album_is_never_sampled(picture, outcome):
    photos = [picture(name) for name in "abcde"]

    assert outcome(*photos, is_album=True) == ["policy_passed"] * 5


@pytest.mark.parametrize("channel", ["large_memes_dump", "@large_memes_dump", "@Large_Memes_DUMP"])
def test_fact_060_a_denied_channel_is_skipped_with_or_without_the_at_sign(decision, channel):
    denied = decision(channel=channel)

    assert (denied.allowed, denied.skip, denied.reason) == (False, True, "channel_skipped")


def test_a_channel_written_without_the_at_sign_in_the_policy_is_denied_too(content, picture):
    policy = changed(content, "routing", skip_if_channel=["Bob"])

    denied = decide(policy, channel="@bob", file=picture(), vision_available=True)

    assert denied.reason == "channel_skipped"


def test_a_jpeg_goes_to_vision_and_not_to_ocr(decision):
    passed = decision()

    assert (passed.allowed, passed.use_ocr, passed.skip) == (True, False, False)
    assert (passed.reason, passed.prompt_key) == ("policy_passed", "photo")


@pytest.mark.parametrize("mime", ["IMAGE/JPEG; x=y", " image/jpg ", "image/pjpeg", "image/webp"])
def test_parameters_case_and_old_names_of_a_mime_type_do_not_matter(decision, mime):
    assert decision(mime=mime).reason == "policy_passed"
    assert decision(mime=mime).prompt_key == "photo"


@pytest.mark.parametrize("mime", ["image/heic", "image/heif", "image/gif", "image/avif"])
def test_formats_that_are_converted_first_are_accepted(decision, mime):
    assert decision(mime=mime).allowed


@pytest.mark.parametrize("mime", ["", "jpeg", "/", ";charset=utf-8"])
def test_what_is_no_mime_type_at_all_has_a_reason_of_its_own(decision, mime):
    assert decision(mime=mime).reason == "unsupported_mime"


def test_the_first_rule_that_denies_gives_the_reason(decision):
    hopeless = {"channel": "large_memes_dump", "language": "de", "vision_available": False}

    assert decision(mime="video/mp4", size_bytes=99 * MIB, **hopeless).reason == (
        "unsupported_mime_type"
    )
    assert decision(size_bytes=99 * MIB, **hopeless).reason == "image_too_large"
    assert decision(**hopeless).reason == "channel_skipped"
    assert decision(**{**hopeless, "channel": "alice"}).reason == "language_skipped"


@pytest.mark.parametrize("language", ["ru", "en", "RU", "en-US", "ru_RU", None, "", "und"])
def test_welcome_and_unknown_languages_pass(decision, language):
    assert decision(language=language).reason == "policy_passed"


@pytest.mark.parametrize("language", ["de", "uk", "zh-Hans"])
def test_other_languages_are_skipped(decision, language):
    skipped = decision(language=language)

    assert (skipped.allowed, skipped.skip, skipped.reason) == (False, True, "language_skipped")


def test_without_vision_pictures_are_read_by_ocr(decision):
    fallback = decision(vision_available=False)

    assert (fallback.allowed, fallback.use_ocr, fallback.skip) == (True, True, False)
    assert fallback.reason == "vision_not_configured"


def test_without_vision_documents_are_skipped_because_ocr_cannot_read_them(decision):
    skipped = decision(mime="application/pdf", vision_available=False)

    assert (skipped.allowed, skipped.use_ocr, skipped.skip) == (True, False, True)
    assert skipped.reason == "ocr_cannot_read_documents"


def test_ocr_is_free_so_it_reads_every_picture_of_a_post(picture, outcome):
    photos = [picture(name, 100) for name in "abcde"]

    assert outcome(*photos, vision_available=False) == ["vision_not_configured"] * 5


def test_a_mime_type_can_be_routed_to_ocr(content, decision, picture, outcome):
    policy = changed(content, "routing", ocr_only_if=["quota_exhausted", "image/png"])
    png = [picture(name, mime="image/png") for name in "xyz"]

    reasons = outcome(*png, picture("a"), policy=policy)

    assert reasons == ["ocr_only_mime_type"] * 3 + ["policy_passed"]
    assert decision(mime="image/png").use_ocr is False


def test_documents_do_not_count_against_the_pictures_of_a_post(picture, outcome):
    pdf = picture("pdf", mime="application/pdf")

    assert outcome(pdf, picture("a"), picture("b")) == ["policy_passed"] * 3


def test_the_same_picture_twice_in_a_post_counts_once(picture, outcome):
    assert outcome(picture("a"), picture("a"), picture("b")) == ["policy_passed"] * 3


def test_a_picture_known_to_carry_text_is_preferred_to_a_larger_one(content, picture, outcome):
    post = [picture("big", 900 * KIB), picture("mid", 800 * KIB), picture("t", has_text=True)]
    indifferent = changed(content, "sampling", prefer_with_text_overlay=False)

    assert outcome(*post) == ["policy_passed", "sampled_out", "policy_passed"]
    assert outcome(*post, policy=indifferent) == ["policy_passed", "policy_passed", "sampled_out"]


def test_sampling_can_be_turned_off(content, picture, outcome):
    policy = changed(content, "sampling", enabled=False)

    assert outcome(*[picture(n) for n in "abc"], policy=policy) == ["policy_passed"] * 3


def test_a_tenant_past_the_sampling_threshold_gets_one_picture_a_post(picture, outcome):
    post = [picture("a"), picture("b", 600 * KIB)]

    assert outcome(*post, tokens_used_today=99_999) == ["policy_passed"] * 2
    assert outcome(*post, tokens_used_today=100_000) == ["sampled_out", "policy_passed"]


def test_a_sampled_out_picture_is_allowed_but_skipped(policy, picture):
    post = [picture("a"), picture("b"), picture("c", 1 * MIB)]

    dropped = decide_post(policy, channel="alice", files=post, vision_available=True)[1]

    assert (dropped.sha256, dropped.allowed, dropped.skip) == ("b", True, True)


def test_a_post_without_files_has_no_decisions(outcome):
    assert outcome() == []


def test_an_unmapped_type_gets_the_default_prompt(decision):
    assert decision(mime="image/gif").prompt_key == "default"
    assert decision(mime="image/png").prompt_key == "screenshot"
    assert decision(mime="application/pdf").prompt_key == "document"


def test_both_switches_must_allow_ocr_for_a_tenant_without_tokens(content, policy):
    assert policy.ocr_when_exhausted
    assert not changed(content, "routing", ocr_only_if=[]).ocr_when_exhausted
    gates = changed(content, "budget_gates", fallback_to_ocr_if_exhausted=False)
    assert not gates.ocr_when_exhausted


@pytest.mark.parametrize("accepted", [{"ru", "uk"}, {"uk"}, {"ru", "en"}, {"be"}])
def test_posts_pass_by_the_language_that_is_detected_in_them(content, picture, accepted):
    posts = {
        "uk": "Сьогодні в Києві відкрилася виставка сучасного мистецтва її авторів.",
        "ru": "Сегодня в Москве открылась выставка современного искусства.",
        "be": "Сёння ў Мінску адкрылася выстава сучаснага мастацтва беларускіх аўтараў.",
    }
    policy = changed(content, "routing", skip_if_lang_not_in=accepted)

    passed = {
        code
        for code, text in posts.items()
        if decide(
            policy, channel="a", file=picture(), vision_available=True, language=detect(text)
        ).allowed
    }

    assert passed == accepted & posts.keys()


@pytest.mark.parametrize("code", ["other", "xx", "und", "RU", "uk-UA", "zxx"])
def test_a_language_that_no_post_could_have_is_refused_and_named(content, refusal, code):
    content["routing"]["skip_if_lang_not_in"] = ["ru", code]

    reason = refusal(yaml.safe_dump(content))

    assert "routing.skip_if_lang_not_in" in reason
    assert f"'{code}' cannot be detected; known are ar, az, be" in reason
    assert ", nl, no, pl, " in reason


def test_every_code_that_a_refusal_lists_is_accepted(content):
    content["routing"]["skip_if_lang_not_in"] = sorted(ACCEPTED)

    assert parse_policy(content, DEFAULT_POLICY_PATH).routing.skip_if_lang_not_in == ACCEPTED


def test_the_shipped_policy_holds_the_figures_of_the_contract(policy):
    limits, sampling, gates = policy.limits, policy.sampling, policy.budget_gates

    assert (limits.max_image_mb, limits.max_document_mb) == (15, 40)
    assert (limits.max_daily_tokens_per_tenant, limits.max_concurrent_requests) == (250_000, 3)
    assert limits.max_queue_depth == 1000
    assert (gates.check_before_analysis, gates.sampling_threshold_per_day) == (True, 100_000)
    assert (sampling.per_post_max_images, sampling.skip_small_images_kb) == (2, 10)
    assert policy.routing.skip_if_lang_not_in == {"ru", "en"}
    assert policy.fallback.ocr_engine == "tesseract"


@pytest.fixture
def refusal(tmp_path):
    """Why a policy with this text cannot be used."""

    def _(text):
        path = tmp_path / "policy.yml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(PolicyRefused) as refused:
            load_policy(path)
        return str(refused.value)

    return _


def test_a_missing_policy_is_refused_and_never_replaced_by_a_default(tmp_path):
    with pytest.raises(PolicyRefused, match=r"nowhere\.yml"):
        load_policy(tmp_path / "nowhere.yml")


@pytest.mark.parametrize("text", ["", "- a list", "limits: [", "\t"])
def test_a_policy_that_is_no_policy_is_refused(refusal, text):
    assert "policy.yml" in refusal(text)


def test_an_unknown_key_is_named(content, refusal):
    content["limits"]["max_imge_mb"] = 5

    assert "limits.max_imge_mb" in refusal(yaml.safe_dump(content))


def test_a_missing_key_is_named(content, refusal):
    del content["allowed_mime_types"]["images"]

    assert "allowed_mime_types.images" in refusal(yaml.safe_dump(content))


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("limits", "max_image_mb", 0),
        ("limits", "max_image_mb", "15"),
        ("sampling", "enabled", "yes"),
        ("fallback", "ocr_engine", "guesswork"),
        ("routing", "ocr_only_if", ["sometimes"]),
        ("allowed_mime_types", "images", []),
    ],
)
def test_an_impossible_value_is_named(content, refusal, section, key, value):
    content[section][key] = value

    assert f"{section}.{key}" in refusal(yaml.safe_dump(content))


def test_a_prompt_key_without_a_template_is_refused(content, refusal):
    content["prompt_presets"]["mime_mapping"]["image/gif"] = "cartoon"

    assert "cartoon" in refusal(yaml.safe_dump(content))


@pytest.mark.costly
def test_a_refusal_carries_the_path_and_the_problems(tmp_path):
    path = tmp_path / "policy.yml"
    path.write_text("{}", encoding="utf-8")

    with pytest.raises(PolicyRefused) as refused:
        load_policy(path)

    assert refused.value.context()["path"] == str(path)
    assert len(refused.value.context()["problems"]) == 7
