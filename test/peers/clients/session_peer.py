"""Uses a vCenter session by pyVmomi, or by plain HTTP in the place of a vAPI client, and prints a JSON line.

An error is printed with exit code 1: the type of the VIM fault, or the HTTP status.
"""

import argparse
import base64
import json
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request

from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vmodl

parser = argparse.ArgumentParser()
parser.add_argument("kind", choices=["vim", "vapi"], help="which side to use")
parser.add_argument("--url", required=True, help="of the server")
parser.add_argument("--ca", required=True, help="PEM file holding the only trusted certificates")
parser.add_argument("--user")
parser.add_argument("--password")
parser.add_argument("--token", help="file of a bearer token")
parser.add_argument("--session", help="ID of a session that another program made")
parser.add_argument("--keep", action="store_true", help="leave the session open")
parser.add_argument("--path", default="/api/session", help="what vapi gets")
args = parser.parse_args()

server = urllib.parse.urlsplit(args.url)
context = ssl.create_default_context(cafile=args.ca)


def vim():
    where = {"host": server.hostname, "port": server.port, "sslContext": context}
    if args.session:
        # Without a login: RetrieveContent is anonymous, so the session is not looked at before a call needs it.
        instance = SmartConnect(sessionId=args.session, **where)
    elif args.token:
        with open(args.token, encoding="utf-8", newline="") as file:
            instance = SmartConnect(token=file.read(), tokenType="saml", **where)
    else:
        instance = SmartConnect(user=args.user, pwd=args.password, **where)
    content = instance.RetrieveContent()
    session = content.sessionManager.currentSession
    answer = {
        "id": instance._GetStub().GetSessionId(),
        "user": session and session.userName,
        "key": session and session.key,
        "apiVersion": content.about.apiVersion,
        # None of these may be read without a session.
        "time": instance.CurrentTime().isoformat(),
        "children": [child.name for child in content.rootFolder.childEntity],
    }
    if not args.keep:
        Disconnect(instance)
    return answer


def call(method, path, headers):
    # Without a proxy of the environment, and with the given certificates only.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    request = urllib.request.Request(args.url + path, method=method, headers=headers)
    with opener.open(request, timeout=30) as response:
        text = response.read()
    return json.loads(text) if text else None


def vapi():
    session = args.session
    if not session:
        user = base64.b64encode(f"{args.user}:{args.password}".encode()).decode()
        session = call("POST", "/api/session", {"Authorization": f"Basic {user}", "Content-Length": "0"})
    headers = {"vmware-api-session-id": session}
    answer = {"id": session, "value": call("GET", args.path, headers)}
    if not args.keep:
        call("DELETE", "/api/session", headers)
    return answer


try:
    print(json.dumps(vim() if args.kind == "vim" else vapi()))
except vmodl.MethodFault as fault:
    print(json.dumps({"error": type(fault).__name__.rsplit(".", 1)[-1], "message": fault.msg}))
    sys.exit(1)
except urllib.error.HTTPError as error:
    print(json.dumps({"error": str(error.code), "message": error.read().decode()}))
    sys.exit(1)
