"""The official REST client (`signalwire.rest.RestClient`), `client.fabric.tokens.*`, against our server."""

import os
import time
import unittest
from unittest import mock
from uuid import UUID, uuid4

from signalwire.rest import (
    RequestOptions,
    RestClient,
    SignalWireRestError,
    SignalWireRestTransportError,
)

from stage import API_TOKEN, PROJECT, Server, header_of

FINGERPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
ALICE = "alice@example.com"
NOBODYS = "00000000-0000-0000-0000-000000000000"


class Scenario(unittest.TestCase):
    options, tls = (), True

    def setUp(self):
        self.server = Server(*self.options, tls=self.tls)
        self.addCleanup(self.server.close)
        self.client = self.new_client()
        self.tokens = self.client.fabric.tokens

    def new_client(self, **options):
        return RestClient(project=PROJECT, token=API_TOKEN, host=self.server.host, **options)

    def refused(self, status, call, *arguments, **named):
        """The client raises its own error with this status; returns it."""
        with self.assertRaises(SignalWireRestError) as raised:
            call(*arguments, **named)
        self.assertEqual(raised.exception.status_code, status)
        return raised.exception

    def refused_entry(self, code, attribute, call, **named):
        """A 422 of which the client hands over the one entry."""
        error = self.refused(422, call, **named)
        [entry] = error.body["errors"]
        self.assertEqual((entry["code"], entry["attribute"]), (code, attribute))
        self.assertLessEqual({"type", "code", "message", "url"}, set(entry))
        self.assertIn(code, str(error))
        return error

    def assert_sat(self, token):
        self.assertEqual(len(token.split(".")), 5)
        self.assertEqual(header_of(token)["typ"], "SAT")


class Create(Scenario):
    def test_with_fingerprint_and_scope_as_extras(self):
        end = int(time.time()) + 600
        answer = self.tokens.create_subscriber_token(
            reference=ALICE, expire_at=end, first_name="Alice",
            extras={"fingerprint": FINGERPRINT, "scope": "sat:refresh"},
        )
        self.assertEqual(set(answer), {"subscriber_id", "token", "refresh_token"})
        UUID(answer["subscriber_id"])
        self.assert_sat(answer["token"])
        self.assertEqual(header_of(answer["refresh_token"])["typ"], "Refresh")

        [request] = self.server.requests("subscribers/tokens")
        self.assertTrue(request["authorization"].startswith("Basic "))
        self.assertEqual(request["host"], self.server.host)
        self.assertEqual(request["body"]["reference"], ALICE)
        self.assertEqual(request["body"]["first_name"], "Alice")
        info = self.server.info(answer["token"])
        self.assertEqual((info["id"], info["email"]), (answer["subscriber_id"], ALICE))
        claims = {"scope": ["sat:refresh"], "cnf": {"jkt": FINGERPRINT}, "expires_at": end}
        self.assertEqual(info["sat_claims"], claims)

    def test_with_them_as_plain_arguments(self):
        answer = self.tokens.create_subscriber_token(
            reference=ALICE, fingerprint=FINGERPRINT, scope="sat:refresh"
        )
        self.assertEqual(self.server.info(answer["token"])["sat_claims"]["cnf"], {"jkt": FINGERPRINT})

    def test_without_them_there_is_nothing_special_to_say(self):
        answer = self.tokens.create_subscriber_token(reference=ALICE)
        self.assertNotIn("sat_claims", self.server.info(answer["token"]))

    def test_scope_without_a_fingerprint_lives_for_a_minute(self):
        answer = self.tokens.create_subscriber_token(reference=ALICE, scope="sat:refresh")
        left = self.server.info(answer["token"])["sat_claims"]["expires_at"] - time.time()
        self.assertTrue(20 < left <= 61, left)

    def test_one_subscriber_for_each_reference(self):
        ids = [
            self.tokens.create_subscriber_token(reference=name)["subscriber_id"]
            for name in (ALICE, "bob@example.com", ALICE)
        ]
        self.assertEqual((ids[0], len(set(ids))), (ids[2], 2))

    def test_what_is_refused(self):
        create = self.tokens.create_subscriber_token
        self.refused_entry("missing_required_parameter", "reference", create, reference="")
        for attribute, value in (("fingerprint", "short"), ("scope", "sat:all"), ("expire_at", 1)):
            self.refused_entry("invalid_parameter", attribute, create, reference=ALICE, **{attribute: value})


class Refresh(Scenario):
    def setUp(self):
        super().setUp()
        self.first = self.tokens.create_subscriber_token(reference=ALICE)

    def refresh(self, token):
        return self.tokens.refresh_subscriber_token(refresh_token=token)

    def test_it_rotates_and_the_spent_one_is_refused(self):
        second = self.refresh(self.first["refresh_token"])
        self.assertEqual(set(second), {"token", "refresh_token"})
        self.assert_sat(second["token"])
        self.assertEqual(len({self.first["refresh_token"], second["refresh_token"]}), 2)
        self.assertEqual(self.server.info(second["token"])["id"], self.first["subscriber_id"])

        spent = self.first["refresh_token"]
        self.refused_entry("token_expired", "refresh_token", self.refresh, token=spent)
        third = self.refresh(second["refresh_token"])
        self.assert_sat(third["token"])
        self.assertEqual(self.server.calls("subscribers_tokens_refresh"), (2, 1, 0))

    def test_what_is_none(self):
        # A subscriber access token is readable for the server, but for something else.
        access = self.first["token"]
        self.refused_entry("not_a_refresh_token", "refresh_token", self.refresh, token=access)
        self.refused_entry("token_invalid", "refresh_token", self.refresh, token="nonsense")
        self.refused_entry("missing_required_parameter", "refresh_token", self.refresh, token="")
        self.assert_sat(self.refresh(self.first["refresh_token"])["token"])


class Others(Scenario):
    def test_guest(self):
        address = str(uuid4())
        answer = self.tokens.create_guest_token(allowed_addresses=[address])
        self.assertEqual(set(answer), {"token", "refresh_token"})
        self.assert_sat(answer["token"])
        [request] = self.server.requests("guests/tokens")
        self.assertEqual(request["body"], {"allowed_addresses": [address]})
        renewed = self.tokens.refresh_subscriber_token(refresh_token=answer["refresh_token"])
        self.assert_sat(renewed["token"])

        guest = self.tokens.create_guest_token
        for code, addresses in (
            ("must_belong_to_project", [NOBODYS]),
            ("allowed_address_limit_exceeded", [address] * 11),
        ):
            self.refused_entry(code, "allowed_addresses", guest, allowed_addresses=addresses)

    def test_embed_whoever_asks(self):
        # The endpoint wants no credentials; this client sends its own.
        answer = self.tokens.create_embed_token(token="c2c_0123456789")
        self.assertEqual(set(answer), {"token"})
        self.assert_sat(answer["token"])
        self.refused_entry(
            "token_has_invalid_prefix", "token", self.tokens.create_embed_token, token="sat_0123456789"
        )

    def test_invite_is_refused_to_basic_credentials(self):
        # It takes a subscriber's token, and this client has no way to send one.
        error = self.refused(401, self.tokens.create_invite_token, address_id=str(uuid4()))
        self.assertEqual(error.body, {"error": "Unauthorized"})
        self.assertEqual(self.server.calls("subscriber_invites"), (0, 1, 0))

    def test_invite_with_a_bearer_below_the_client(self):
        sat = self.tokens.create_subscriber_token(reference=ALICE)["token"]

        def bearer(request):
            request.headers["Authorization"] = f"Bearer {sat}"
            return request

        self.client._http._session.auth = bearer
        self.assert_sat(self.tokens.create_invite_token(address_id=str(uuid4()))["token"])
        invite = self.tokens.create_invite_token
        self.refused_entry("invalid_parameter", "address_id", invite, address_id="home")
        self.refused_entry("invalid_parameter", "expires_at", invite, address_id=str(uuid4()), expires_at=1)


class Errors(Scenario):
    def create(self, **named):
        return self.tokens.create_subscriber_token(reference=ALICE, **named)

    def fault(self, effect, **more):
        self.server.fault("subscribers_tokens", effect, **more)

    def test_each_status_has_its_body(self):
        texts = {
            400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
            429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable",
        }
        for status, text in texts.items():
            with self.subTest(status=status):
                self.fault({"status": {"code": status}})
                error = self.refused(status, self.create)
                self.assertEqual(error.body, {"error": text})
                self.assertEqual((error.method, error.url.split("?")[0]), (
                    "POST", f"https://{self.server.host}/api/fabric/subscribers/tokens",
                ))
                self.assertEqual(error.headers["content-type"].split(";")[0], "application/json")
        self.assert_sat(self.create()["token"])

    def test_a_body_that_is_no_json_is_handed_over_as_text(self):
        self.fault({"status": {"code": 401, "body": "Unauthorized"}})
        self.assertEqual(self.refused(401, self.create).body, "Unauthorized")
        self.fault("malformed")
        self.refused(200, self.create)

    def test_a_post_is_repeated_after_429_and_503_only(self):
        self.client = self.new_client(request_options=RequestOptions(retries=1, retry_backoff=0.01))
        self.tokens = self.client.fabric.tokens
        for status, tries in ((429, 2), (503, 2), (500, 1), (502, 1)):
            with self.subTest(status=status):
                before = sum(self.server.calls("subscribers_tokens"))
                self.fault({"status": {"code": status, "retry_after": {"seconds": 0}}})
                if tries == 2:
                    self.assert_sat(self.create()["token"])
                else:
                    self.refused(status, self.create)
                self.assertEqual(sum(self.server.calls("subscribers_tokens")) - before, tries)

    def test_no_answer_is_an_error_of_the_transport(self):
        for effect in ("reset", "close", "hang"):
            with self.subTest(effect=effect):
                self.fault(effect)
                with self.assertRaises(SignalWireRestTransportError) as raised:
                    self.create(request_options=RequestOptions(timeout=0.5))
                self.assertIsNone(raised.exception.status_code)
        self.assert_sat(self.create()["token"])

    def test_a_server_that_it_does_not_trust_learns_nothing(self):
        with mock.patch.dict(os.environ):
            del os.environ["SIGNALWIRE_REST_CA_FILE"]
            client = self.new_client()
        with self.assertRaises(SignalWireRestTransportError) as raised:
            client.fabric.tokens.create_subscriber_token(reference=ALICE)
        self.assertIn("certificate", str(raised.exception).lower())
        self.assertEqual(self.server.calls("subscribers_tokens"), (0, 0, 0))


class PlainText(Scenario):
    tls = False

    def test_on_loopback_the_client_speaks_it_by_itself(self):
        self.assert_sat(self.tokens.create_subscriber_token(reference=ALICE)["token"])


if __name__ == "__main__":
    unittest.main()
