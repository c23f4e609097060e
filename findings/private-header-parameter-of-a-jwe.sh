#!/usr/bin/env bash
# RFC 7516, 4: header parameters that are not understood "MUST be ignored", unless `crit` names them. The header of a
# SignalWire subscriber access token (a compact JWE: `dir`, `A256GCM`) has one of its own, `ch`. Tried on 2026-11-30 with such a JWE,
# made by jwcrypto with a key of ours:
#   opened    jwcrypto 1.6.1, python-jose 3.5.0, Authlib 1.9.10 (Python), jose 6.2.18 (Node)
#   refused   joserfc 1.8.0: UnsupportedHeaderError "Unsupported {'ch'} in header", on opening and on making one;
#             with a registry that is not strict (`JWERegistry(strict_check_header=False)`) it opens it
# Whoever moves from Authlib to its successor joserfc, as Authlib's deprecation notice says, finds out at run time.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv && venv/bin/pip install -q jwcrypto==1.6.1 python-jose==3.5.0 authlib==1.9.10 joserfc==1.8.0 cryptography
npm init -y >/dev/null && npm install --silent jose@6.2.18
cat > probe.py <<'PY'
import base64, json, sys, warnings
warnings.simplefilter("ignore")
from jwcrypto import jwe as jwcrypto, jwk
from jose import jwe as python_jose
from authlib.jose import JsonWebEncryption
from joserfc import jwe as joserfc
from joserfc.jwk import OctKey
from joserfc.errors import UnsupportedHeaderError
raw = bytes(range(32))
key = jwk.JWK(kty="oct", k=base64.urlsafe_b64encode(raw).rstrip(b"=").decode())
header = {"alg": "dir", "enc": "A256GCM", "ch": "puc.signalwire.com", "typ": "SAT"}
made = jwcrypto.JWE(b"{}", json.dumps(header)); made.add_recipient(key)
token = made.serialize(compact=True); open("token", "w").write(token)
def by_jwcrypto():
    opened = jwcrypto.JWE(); opened.deserialize(token, key); return opened.plaintext
def by_joserfc(**how):
    try: return joserfc.decrypt_compact(token, OctKey.import_key(raw), **how).plaintext
    except UnsupportedHeaderError as error: return str(error)
saw = {
    "jwcrypto": by_jwcrypto(),
    "python-jose": python_jose.decrypt(token, raw),
    "Authlib": JsonWebEncryption().deserialize_compact(token, raw)["payload"],
    "joserfc": by_joserfc(),
    "joserfc, not strict": by_joserfc(registry=joserfc.JWERegistry(strict_check_header=False)),
}
for name, what in saw.items(): print(f"{name:20} {what}")
right = {**dict.fromkeys(saw, b"{}"), "joserfc": "unsupported_header: Unsupported {'ch'} in header"}
sys.exit("CHANGED" if saw != right else 0)
PY
venv/bin/python probe.py
cat > probe.js <<'JS'
const jose = require('jose'), fs = require('fs');
jose.compactDecrypt(fs.readFileSync('token', 'utf8'), Uint8Array.from({ length: 32 }, (_, i) => i))
  .then(({ plaintext }) => console.log('jose'.padEnd(20), Buffer.from(plaintext).toString()))
  .catch(error => { console.log('CHANGED', error.message); process.exit(1); });
JS
node probe.js
