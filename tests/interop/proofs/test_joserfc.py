"""Our proofs, and the known answers that they are made by, in the eyes of joserfc."""

import base64
import hashlib
import json
import os
import unittest
from pathlib import Path

from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import ECKey, RSAKey, import_key

VECTORS = Path(__file__).resolve().parents[3] / "fixtures/vectors"
KNOWN = json.loads((VECTORS / "known-answers.json").read_text())
LINES = [json.loads(line) for line in Path(os.environ["PROOFS"]).read_text().splitlines()]
PROOFS = [line for line in LINES if "claims" in line]
ALGORITHMS = ["ES256", "RS256"]


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(segment):
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def hash_of(token):
    return encoded(hashlib.sha256(token.encode()).digest())


def compact(answer):
    """A known answer of `sign` as a compact JWS, from its published parts."""
    if "input" in answer:
        return f"{answer['input']}.{answer['signature']}"
    modulus = KNOWN["sign"][2]["n"]
    header = answer.get("header") or answer["header_template"].replace(":N,", f':"{modulus}",')
    return f"{encoded(header.encode())}.{encoded(answer['claims'].encode())}.{answer['signature']}"


def verified(proof, key=None):
    """By the key, or by the one in the header; its header, its claims, the key."""
    header = json.loads(decoded(proof.split(".")[0]))
    key = key or import_key(header["jwk"])
    registry = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=True)
    # With a 2048-bit key in it a header is longer than the 512 characters that it takes by default.
    registry.max_header_length = 1024
    signed = jws.deserialize_compact(proof, key, algorithms=ALGORITHMS, registry=registry)
    return signed.headers(), json.loads(signed.payload), key


class Ours(unittest.TestCase):
    def test_every_proof_is_what_it_says(self):
        self.assertGreaterEqual(len(PROOFS), 60)
        for line in PROOFS:
            with self.subTest(signer=line["signer"], claims=line["claims"]):
                header, claims, key = verified(line["proof"])
                self.assertEqual((header, claims), (line["header"], line["claims"]))
                self.assertIsInstance(key, ECKey if header["alg"] == "ES256" else RSAKey)
                self.assertFalse(key.is_private)
                self.assertEqual(key.thumbprint(), line["thumbprint"])
                if "ath" in claims:
                    self.assertEqual(claims["ath"], hash_of(line["token"]))
        self.assertEqual({line["header"]["alg"] for line in PROOFS}, set(ALGORITHMS))
        self.assertEqual(len({line["claims"]["jti"] for line in PROOFS}), len(PROOFS))

    def test_a_proof_is_its_own_keys_and_nobody_elses_and_cannot_be_changed(self):
        for line in PROOFS:
            kind, thumbprint = line["header"]["alg"], line["thumbprint"]
            other = next(o for o in PROOFS if o["header"]["alg"] == kind and o["thumbprint"] != thumbprint)
            with self.assertRaises(BadSignatureError):
                verified(line["proof"], import_key(other["header"]["jwk"]))
            head, body, signature = line["proof"].split(".")
            changed = encoded(decoded(body).replace(b'"iat":1', b'"iat":2'))
            with self.assertRaises(BadSignatureError):
                verified(f"{head}.{changed}.{signature}")

    def test_the_known_answers_come_out_byte_for_byte(self):
        ours = {line["known_answer"]: line["proof"] for line in LINES if "known_answer" in line}
        self.assertEqual(ours, {number: compact(KNOWN["sign"][number]) for number in (1, 3)})


class Known(unittest.TestCase):
    def test_joserfc_agrees_with_them(self):
        for one in KNOWN["thumbprints"]:
            self.assertEqual(import_key(one["jwk"]).thumbprint(), one["thumbprint"], one["source"])
        for one in KNOWN["ath"]:
            self.assertEqual(hash_of(one["token"]), one["ath"])
        for one in KNOWN["verify"]:
            verified(one["proof"])
        _, _, ec, rsa = (import_key(one["jwk"]) for one in KNOWN["thumbprints"])
        for one in KNOWN["sign"]:
            verified(compact(one), ec if one["alg"] == "ES256" else rsa)
        sample = KNOWN["sat_header"]
        self.assertEqual(json.loads(decoded(sample["segment"])), sample["json"])

    def test_joserfc_signs_those_of_rs256_byte_for_byte(self):
        der = (VECTORS / "a2.pkcs8.der").read_bytes()
        body = base64.encodebytes(der).decode()
        key = RSAKey.import_key(f"-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\n")
        for one in KNOWN["sign"]:
            if one["alg"] == "RS256":
                expected = compact(one)
                header, payload, _ = expected.split(".")
                signed = jws.serialize_compact(
                    json.loads(decoded(header)), decoded(payload), key, algorithms=ALGORITHMS
                )
                self.assertEqual(signed, expected)


if __name__ == "__main__":
    unittest.main()
