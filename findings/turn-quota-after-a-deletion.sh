#!/usr/bin/env bash
# RFC 8656, 7.2: a Refresh with a lifetime of 0 deletes an allocation at once. With a quota for each user, coturn 4.6.1 answers
# it with success, and still counts what it has deleted: another Allocate of that user is refused with 486 for a second more.
# Tried on 2026-11-30 with `user-quota=1` and time-limited credentials (`use-auth-secret`), three times:
#   deletion    0, success
#   Allocate    486 at once and for 0.8 s to 1.3 s, then success
# So a client that does it right on an ICE restart (let go of the old relay, then ask for a new one with the new credentials) is
# left without a relay unless it asks again. The error says nothing of a time.
set -euo pipefail
folder=$(mktemp -d); server=; trap 'kill $server 2>/dev/null || true; rm -rf "$folder"' EXIT; cd "$folder"
# Unpacked, not installed: nobody needs to be root.
chmod 755 . && apt-get download -qq coturn=4.6.1-1 libevent-2.1-7 libevent-core-2.1-7 libevent-extra-2.1-7 \
    libevent-openssl-2.1-7 libevent-pthreads-2.1-7 libhiredis0.14 libmariadb3 libpq5 libsqlite3-0 2>/dev/null
for package in *.deb; do dpkg -x "$package" .; done
LD_LIBRARY_PATH=$(dirname "$(find "$folder/usr/lib" -name 'libevent_core*' -print -quit)"); export LD_LIBRARY_PATH
usr/bin/turnserver --version

cat > probe.py <<'PY'
"""Allocates, deletes, and allocates again until that succeeds; three times."""
import base64, hashlib, hmac, os, socket, struct, sys, time
SERVER, SECRET, REALM = ("127.0.0.1", int(sys.argv[1])), b"north", b"example"
ALLOCATE, REFRESH, UDP = 0x003, 0x004, b"\x11\0\0\0"
def attribute(kind, value): return struct.pack("!HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)
class Client:
    """A socket of its own, as RFC 8656 wants it after a deletion, and credentials that end at another time."""
    def __init__(self, end):
        self.user = f"{int(time.time()) + end}:alice".encode()
        password = base64.b64encode(hmac.new(SECRET, self.user, hashlib.sha1).digest())
        self.key, self.nonce = hashlib.md5(self.user + b":" + REALM + b":" + password).digest(), None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); self.socket.settimeout(5); self.socket.connect(SERVER)
    def ask(self, method, *attributes):
        """The error code of the answer; 0 is success."""
        while True:
            body, head = b"".join(attributes), struct.pack("!I", 0x2112A442) + os.urandom(12)
            if self.nonce:
                body += attribute(0x06, self.user) + attribute(0x14, REALM) + attribute(0x15, self.nonce)
                signed = struct.pack("!HH", method, len(body) + 24) + head + body
                body += attribute(0x08, hmac.new(self.key, signed, hashlib.sha1).digest())
            self.socket.send(struct.pack("!HH", method, len(body)) + head + body)
            answer, at, code, nonce = self.socket.recv(2048), 20, 0, None
            while at < len(answer):
                kind, length = struct.unpack_from("!HH", answer, at); value = answer[at + 4:at + 4 + length]
                if kind == 0x09: code = value[2] * 100 + value[3]
                if kind == 0x15: nonce = value
                at += 4 + length + -length % 4
            if code not in (401, 438) or nonce == self.nonce: return code
            self.nonce = nonce
    def allocate(self): return self.ask(ALLOCATE, attribute(0x19, UDP))
    def delete(self): return self.ask(REFRESH, attribute(0x0d, b"\0\0\0\0"))
for end in (60, 600, 6000):
    old = Client(end)
    assert old.allocate() == 0, "the first one succeeds"
    time.sleep(1)
    deleted, began, codes = old.delete(), time.monotonic(), []
    while not codes or (codes[-1] != 0 and time.monotonic() < began + 20):
        new = Client(end + 1); codes.append(new.allocate()); time.sleep(0.1)
    took = time.monotonic() - began
    print(f"deletion: {deleted}; Allocate: {codes[0]} at once, {codes[-1]} after {took:.1f} s, {len(codes)} attempts")
    if deleted != 0 or codes[0] != 486 or set(codes) != {486, 0} or not 0.5 < took < 5:
        sys.exit("CHANGED: expected 0; 486 for about a second, then 0")
    new.delete(); time.sleep(2)
PY
port=$(python3 -c 'import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf '%s\n' listening-ip=127.0.0.1 "listening-port=$port" relay-ip=127.0.0.1 realm=example use-auth-secret \
    static-auth-secret=north user-quota=1 no-cli no-tls no-dtls no-tcp "userdb=$folder/db" "pidfile=$folder/pid" \
    log-file=stdout simple-log > conf
usr/bin/turnserver -c conf > log 2>&1 & server=$!
until grep -q 'DB connection success' log; do kill -0 $server; sleep 0.1; done
python3 probe.py "$port"
