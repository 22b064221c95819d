"""Gets one token by pyVim.sso and prints it as a JSON line, or the SOAP fault with exit code 1."""

import argparse
import json
import ssl
import sys

from pyVim.sso import SoapException, SsoAuthenticator

parser = argparse.ArgumentParser()
parser.add_argument("kind", choices=["bearer", "hok", "by-token"])
parser.add_argument("--url", required=True, help="of the STS")
parser.add_argument("--ca", required=True, help="PEM file holding the only trusted certificates")
parser.add_argument("--user")
parser.add_argument("--password")
parser.add_argument("--cert", help="PEM file of the certificate to sign with")
parser.add_argument("--key", help="PEM file of its key")
parser.add_argument("--token", help="file of the token to exchange, or to act as the subject of")
parser.add_argument("--lifetime", type=int, default=600)
parser.add_argument("--renewable", action="store_true")
parser.add_argument("--delegatable", action="store_true")
args = parser.parse_args()

token = None
if args.token:
    with open(args.token, encoding="utf-8", newline="") as file:
        token = file.read()

authenticator = SsoAuthenticator(args.url)
common = {
    "token_duration": args.lifetime,
    "delegatable": args.delegatable,
    "renewable": args.renewable,
    "ssl_context": ssl.create_default_context(cafile=args.ca),
}
try:
    if args.kind == "bearer":
        answer = authenticator.get_bearer_saml_assertion(args.user, args.password, **common)
    elif args.kind == "hok":
        answer = authenticator.get_hok_saml_assertion(args.cert, args.key, act_as_token=token, **common)
    else:
        answer = authenticator.get_token_by_token(token, args.key, **common)
except SoapException as error:
    print(json.dumps({"fault": {"code": error._fault_code, "string": error._fault_string}}))
    sys.exit(1)
print(json.dumps({"token": answer}))
