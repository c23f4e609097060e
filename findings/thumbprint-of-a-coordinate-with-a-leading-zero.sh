#!/usr/bin/env bash
# RFC 7518, 6.2.1.2: the coordinates of an EC key have the full length of the field, so for P-256 always 32 octets, 43 characters.
# One key in 128 has a coordinate that begins with a zero octet. Tried on 2026-11-30 with such a key (private value 379) and
# with 512 keys (private values 1 to 512):
#   right          PyJWT 2.15.1, jwcrypto 1.6.1, joserfc 1.8.0, python-jose 3.5.0 (Python), jose 6.2.18, node-jose 2.2.0 (Node)
#   Authlib 1.9.10 leaves the zero out: `x` has 42 characters, and the RFC 7638 thumbprint is another one
# A token endpoint that computes the `fingerprint` of a client with it binds the token to a key that nobody has, for one client
# in 128; the client's proofs are then refused, and a new key "mends" it.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv
venv/bin/pip install -q authlib==1.9.10 pyjwt==2.15.1 jwcrypto==1.6.1 joserfc==1.8.0 python-jose==3.5.0 cryptography
npm init -y >/dev/null && npm install --silent jose@6.2.18 node-jose@2.2.0
cat > probe.py <<'PY'
import base64, hashlib, json, sys, warnings
warnings.simplefilter("ignore")
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives import serialization as ser
from jwt.algorithms import ECAlgorithm
from jwcrypto.jwk import JWK
from joserfc.jwk import ECKey as Joserfc
from authlib.jose import ECKey as Authlib
from jose import jwk as python_jose
b64 = lambda octets: base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
def thumbprint(jwk):
    text = {name: (jwk[name].decode() if isinstance(jwk[name], bytes) else jwk[name]) for name in ("crv", "kty", "x", "y")}
    return b64(hashlib.sha256(json.dumps(text, separators=(",", ":"), sort_keys=True).encode()).digest())
def right(key):
    n = key.public_key().public_numbers()
    return thumbprint({"crv": "P-256", "kty": "EC", "x": b64(n.x.to_bytes(32, "big")), "y": b64(n.y.to_bytes(32, "big"))})
def pem(key): return key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption())
libraries = {
    "PyJWT": lambda key: thumbprint(json.loads(ECAlgorithm.to_jwk(key.public_key()))),
    "jwcrypto": lambda key: JWK.from_pem(pem(key)).thumbprint(),
    "joserfc": lambda key: Joserfc.import_key(pem(key)).thumbprint(),
    "python-jose": lambda key: thumbprint(python_jose.construct(pem(key), "ES256").public_key().to_dict()),
    "Authlib": lambda key: Authlib.import_key(pem(key)).thumbprint(),
}
keys = [ec.derive_private_key(d, ec.SECP256R1()) for d in range(1, 513)]
short = ec.derive_private_key(379, ec.SECP256R1())
open("short.pem", "wb").write(pem(short)); open("right", "w").write(right(short))
zeros = sum(1 for k in keys for n in [k.public_key().public_numbers()] if n.x >> 248 == 0 or n.y >> 248 == 0)
print(f"keys with a zero octet in front: {zeros} of {len(keys)}")
changed = False
for name, make in libraries.items():
    wrong = sum(make(key) != right(key) for key in keys)
    print(f"{name:14} wrong thumbprints: {wrong} of {len(keys)}")
    changed |= wrong != (zeros if name == "Authlib" else 0)
print("Authlib's x:", len(Authlib.import_key(pem(short)).as_dict(is_private=False)["x"]), "characters")
sys.exit("CHANGED" if changed else 0)
PY
venv/bin/python probe.py
cat > probe.js <<'JS'
const fs = require('fs'), { createPublicKey } = require('crypto'), jose = require('jose'), nodeJose = require('node-jose');
(async () => {
  const pem = fs.readFileSync('short.pem', 'utf8'), right = fs.readFileSync('right', 'utf8');
  const one = await jose.calculateJwkThumbprint(await jose.exportJWK(createPublicKey(pem)));
  const other = (await (await nodeJose.JWK.asKey(pem, 'pem')).thumbprint('SHA-256')).toString('base64url');
  console.log('jose', one === right, 'node-jose', other === right);
  if (one !== right || other !== right) { console.log('CHANGED'); process.exit(1); }
})();
JS
node probe.js
