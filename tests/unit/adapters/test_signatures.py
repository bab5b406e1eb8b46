"""The schemes by which webhooks are signed, with the vectors that their publishers give."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from hub.adapters.http.signatures import SCHEMES, Challenge, Scheme, SignatureInvalid

STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STANDARD = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
STANDARD_BODY = b'{"test": 2432232314}'
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
    b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121"
    b".803a0bc887a14d10d2c447fce8b6703c"
)
SLACK = {
    "X-Slack-Request-Timestamp": "1531420618",
    "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
}


def headers(values: Mapping[str, str], *more: tuple[str, str]) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict([*values.items(), *more]))


def scheme(name: str, *secrets: str) -> Scheme:
    return SCHEMES[name](secrets)


def hexadecimal(secret: str, content: bytes) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def code(check: Scheme, values: CIMultiDictProxy[str], body: bytes, now: float) -> str:
    with pytest.raises(SignatureInvalid) as refused:
        check.verify(values, body, now)
    return refused.value.field or ""


# --- as published ---------------------------------------------------------------------------------------------------


def test_standard_webhooks() -> None:
    check = scheme("standard-webhooks", STANDARD_SECRET)
    assert check.verify(headers(STANDARD), STANDARD_BODY, 1614265330) == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_svix_under_its_own_names() -> None:
    own = {name.replace("webhook", "svix"): value for name, value in STANDARD.items()}
    assert scheme("svix", STANDARD_SECRET).verify(headers(own), STANDARD_BODY, 1614265330) == STANDARD["webhook-id"]
    assert scheme("svix", STANDARD_SECRET).verify(headers(STANDARD), STANDARD_BODY, 1614265330)


def test_github() -> None:
    given = {
        "X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    }
    check = scheme("github", "It's a Secret to Everybody")
    assert check.verify(headers(given), b"Hello, World!", 0) == "72d3162e-cc78-11e3-81ab-4c9367dc0958"


def test_slack() -> None:
    check = scheme("slack", "8f742231b10e8888abcd99yyyzzz85a5")
    assert check.verify(headers(SLACK), SLACK_BODY, 1531420618) == SLACK["X-Slack-Signature"]


def test_stripe() -> None:
    body = b'{"id": "evt_1NG8Du2eZvKYlo2CUI79vXWy", "object": "event"}'
    signature = (
        f"t=1492774577,v1={hexadecimal('whsec_test', b'1492774577.' + body)},v0=6ffbb59b2300aae63f272406069a9788"
    )
    check = scheme("stripe", "whsec_test")
    assert check.verify(headers({"Stripe-Signature": signature}), body, 1492774577) == "evt_1NG8Du2eZvKYlo2CUI79vXWy"


def test_shopify() -> None:
    body = b'{"id": 820982911946154508}'
    digest = base64.b64encode(hmac.new(b"hush", body, hashlib.sha256).digest()).decode()
    given = {"X-Shopify-Hmac-Sha256": digest, "X-Shopify-Webhook-Id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"}
    assert scheme("shopify", "hush").verify(headers(given), body, 0) == "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"


# --- what is refused ------------------------------------------------------------------------------------------------


def test_another_body() -> None:
    check = scheme("standard-webhooks", STANDARD_SECRET)
    assert code(check, headers(STANDARD), STANDARD_BODY + b" ", 1614265330) == "webhook-signature"


def test_another_id_or_time_than_was_signed() -> None:
    check = scheme("standard-webhooks", STANDARD_SECRET)
    other = headers({**STANDARD, "webhook-id": "msg_other"})
    assert code(check, other, STANDARD_BODY, 1614265330) == "webhook-signature"
    later = headers({**STANDARD, "webhook-timestamp": "1614265331"})
    assert code(check, later, STANDARD_BODY, 1614265330) == "webhook-signature"


@pytest.mark.parametrize("seconds", [-301, 301, 86400])
def test_an_old_request_or_one_from_the_future(seconds: int) -> None:
    check = scheme("standard-webhooks", STANDARD_SECRET)
    assert code(check, headers(STANDARD), STANDARD_BODY, 1614265330 + seconds) == "webhook-timestamp"


@pytest.mark.parametrize("stamp", ["", "now", "1e9", "-1", "١٦١٤٢٦٥٣٣٠", "1" * 400])
def test_a_time_that_is_none(stamp: str) -> None:
    check = scheme("standard-webhooks", STANDARD_SECRET)
    given = headers({**STANDARD, "webhook-timestamp": stamp})
    assert code(check, given, STANDARD_BODY, 1614265330) == "webhook-timestamp"


@pytest.mark.parametrize("missing", list(STANDARD))
def test_a_header_that_is_missing_or_doubled(missing: str) -> None:
    check = scheme("standard-webhooks", STANDARD_SECRET)
    fewer = headers({name: value for name, value in STANDARD.items() if name != missing})
    assert code(check, fewer, STANDARD_BODY, 1614265330) == missing
    doubled = headers(STANDARD, (missing, STANDARD[missing]))
    assert code(check, doubled, STANDARD_BODY, 1614265330) == missing


@pytest.mark.parametrize(
    "signature", ["v1,", "v1,!!!", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "ü", "x" * 9000]
)
def test_a_signature_that_is_none(signature: str) -> None:
    check = scheme("standard-webhooks", STANDARD_SECRET)
    given = headers({**STANDARD, "webhook-signature": signature})
    assert code(check, given, STANDARD_BODY, 1614265330) == "webhook-signature"


def test_stripe_with_two_times() -> None:
    body = b"{}"
    good = hexadecimal("s", b"5." + body)
    assert (
        code(scheme("stripe", "s"), headers({"Stripe-Signature": f"t=5,t=6,v1={good}"}), body, 5) == "Stripe-Signature"
    )


@pytest.mark.parametrize("name", sorted(SCHEMES))
def test_no_header_at_all(name: str) -> None:
    assert code(scheme(name, "QQ=="), headers({}), b"{}", 0)


# --- secrets --------------------------------------------------------------------------------------------------------


def test_while_a_secret_is_replaced_both_count() -> None:
    check = scheme("standard-webhooks", "whsec_bmV3", STANDARD_SECRET)
    assert check.verify(headers(STANDARD), STANDARD_BODY, 1614265330)


def test_a_sender_may_sign_with_both() -> None:
    both = {**STANDARD, "webhook-signature": f"v1,AAAA {STANDARD['webhook-signature']} v1a,xyz"}
    assert scheme("standard-webhooks", STANDARD_SECRET).verify(headers(both), STANDARD_BODY, 1614265330)


@pytest.mark.parametrize("secret", ["whsec_not base64", "", "whsec_"])
def test_a_secret_that_is_none(secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        scheme("standard-webhooks", secret)


def test_no_secret() -> None:
    with pytest.raises(ValueError, match="needs a secret"):
        scheme("github")


# --- Slack asks whether anybody is there ----------------------------------------------------------------------------


def test_slack_is_answered_its_challenge_once_the_signature_holds() -> None:
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aB"}).encode()
    signature = f"v0={hexadecimal('s', b'v0:7:' + body)}"
    given = headers({"X-Slack-Request-Timestamp": "7", "X-Slack-Signature": signature})
    with pytest.raises(Challenge) as asked:
        scheme("slack", "s").verify(given, body, 7)
    assert asked.value.text == "3eZbrw1aB"
    assert code(scheme("slack", "other"), given, body, 7) == "X-Slack-Signature"


def test_slack_events_are_known_by_their_id_though_sent_anew() -> None:
    body = b'{"type": "event_callback", "event_id": "Ev08"}'
    for stamp in (7, 8):
        signature = f"v0={hexadecimal('s', f'v0:{stamp}:'.encode() + body)}"
        given = headers({"X-Slack-Request-Timestamp": str(stamp), "X-Slack-Signature": signature})
        assert scheme("slack", "s").verify(given, body, 8) == "Ev08"
