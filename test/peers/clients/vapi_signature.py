"""Holder-of-key logins at vAPI, signed and verified with Python's own JSON and the cryptography package.

`sign` writes the request of a login by JSON-RPC, or the Authorization header of one by REST. `verify` reads what a
client sent (a JSON object on stdin) and says who signed it, or what is wrong with exit code 1.
"""

import argparse
import base64
import datetime
import gzip
import hashlib
import json
import re
import secrets
import sys
import time

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree

SCHEME = "com.vmware.vapi.std.security.saml_hok_token"
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}

parser = argparse.ArgumentParser()
parser.add_argument("kind", choices=["sign-json", "sign-rest", "verify-json", "verify-rest"])
parser.add_argument("--token", help="file of the holder-of-key token")
parser.add_argument("--key", help="PEM file of its key")
parser.add_argument("--bits", choices=list(HASHES), default="256")
parser.add_argument("--method", default="POST")
parser.add_argument("--path", default="/rest/com/vmware/cis/session")
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", default="80", help="as the Host header has it; 80 where it has none")
args = parser.parse_args()


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def token():
    with open(args.token, encoding="utf-8", newline="") as file:
        return file.read()


def signature(data):
    with open(args.key, "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)
    return base64.b64encode(key.sign(data, padding.PKCS1v15(), HASHES[args.bits])).decode()


def holder(assertion):
    """The certificate in the token that says who may use it."""
    root = etree.fromstring(assertion.encode())
    names = {"s": "urn:oasis:names:tc:SAML:2.0:assertion", "d": "http://www.w3.org/2000/09/xmldsig#"}
    found = root.findall("s:Subject/s:SubjectConfirmation/s:SubjectConfirmationData//d:X509Certificate", names)
    (element,) = found
    return x509.load_der_x509_certificate(base64.b64decode(element.text))


def check(assertion, value, data, bits):
    certificate = holder(assertion)
    certificate.public_key().verify(base64.b64decode(value, validate=True), data, padding.PKCS1v15(), HASHES[bits])
    return certificate.subject.rfc4514_string()


def base_string(nonce, digest):
    lines = [nonce, args.method, args.path, args.host.lower(), args.port]
    return "".join(f"{line}\n" for line in lines).encode() + digest + b"\n"


def sign_json():
    now = datetime.datetime.now(datetime.timezone.utc)
    context = {
        "schemeId": SCHEME,
        "signatureAlgorithm": f"RS{args.bits}",
        "timestamp": {"created": stamp(now), "expires": stamp(now + datetime.timedelta(minutes=20))},
    }
    request = {
        "jsonrpc": "2.0",
        "id": "1",
        "method": "invoke",
        "params": {
            "serviceId": "com.vmware.cis.session",
            "operationId": "create",
            "ctx": {"appCtx": {"opId": secrets.token_hex(8)}, "securityCtx": context},
            "input": {"STRUCTURE": {"operation-input": {}}},
        },
    }
    context["signature"] = {"value": signature(canonical(request)), "samlToken": token()}
    # Spread over lines and in another order than what was signed.
    return json.dumps(request, indent=2)


def verify_json():
    request = json.load(sys.stdin)
    context = request["params"]["ctx"]["securityCtx"]
    given = context.pop("signature")
    assert set(given) == {"samlToken", "value"}, sorted(given)
    assert set(context) == {"schemeId", "signatureAlgorithm", "timestamp"}, sorted(context)
    assert context["schemeId"] == SCHEME, context["schemeId"]
    assert set(context["timestamp"]) == {"created", "expires"}
    times = [
        datetime.datetime.strptime(context["timestamp"][name], "%Y-%m-%dT%H:%M:%S.%fZ")
        for name in ("created", "expires")
    ]
    bits = re.fullmatch("RS(256|384|512)", context["signatureAlgorithm"])[1]
    subject = check(given["samlToken"], given["value"], canonical(request), bits)
    return {"subject": subject, "minutes": (times[1] - times[0]).total_seconds() / 60}


def sign_rest():
    nonce = f"{int(time.time() * 1000)}:{secrets.randbelow(2**63)}"
    digest = hashlib.sha256(b"").digest()
    parts = {
        "token": base64.b64encode(gzip.compress(token().encode())).decode(),
        "nonce": nonce,
        "bodyhash": base64.b64encode(digest).decode(),
        "signature_alg": f"RSA-SHA{args.bits}",
        "signature": signature(base_string(nonce, digest)),
    }
    return "SIGN " + ",".join(f'{name}="{value}"' for name, value in parts.items())


def verify_rest():
    header = json.load(sys.stdin)["authorization"]
    scheme, rest = header.split(" ", 1)
    assert scheme == "SIGN", scheme
    pairs = [part.strip().split("=", 1) for part in rest.split(",")]
    parts = {name: value.strip('"') for name, value in pairs}
    assert len(parts) == len(pairs), [name for name, _ in pairs]
    assertion = gzip.decompress(base64.b64decode(parts["token"], validate=True)).decode()
    moment, _, random = parts["nonce"].partition(":")
    assert re.fullmatch("[1-9][0-9]*", moment) and random, parts["nonce"]
    assert abs(int(moment) / 1000 - time.time()) < 60, parts["nonce"]
    digest = hashlib.sha256(b"").digest()
    assert base64.b64decode(parts["bodyhash"], validate=True) == digest
    bits = re.fullmatch("RSA-SHA(256|384|512)", parts["signature_alg"])[1]
    return {"subject": check(assertion, parts["signature"], base_string(parts["nonce"], digest), bits)}


kinds = {"sign-json": sign_json, "sign-rest": sign_rest, "verify-json": verify_json, "verify-rest": verify_rest}
try:
    answer = kinds[args.kind]()
except InvalidSignature:
    print(json.dumps({"error": "the signature does not verify"}))
    sys.exit(1)
print(answer if isinstance(answer, str) else json.dumps(answer))
