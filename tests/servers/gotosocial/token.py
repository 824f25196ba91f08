"""Logs an account of the test server in, as its web pages would, and prints a token: token.py PORT NAME."""

import http.cookiejar
import json
import re
import sys
import urllib.parse
import urllib.request

port, name = sys.argv[1:3]
# The server calls itself localhost; its cookies are for that name.
base = f"http://localhost:{port}"
opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))


def post(path, **fields):
    data = urllib.parse.urlencode(fields).encode()
    return opener.open(urllib.request.Request(base + path, data=data, headers={"Accept": "*/*"}))


oob = "urn:ietf:wg:oauth:2.0:oob"
app = json.load(post("/api/v1/apps", client_name="test", redirect_uris=oob, scopes="read write"))
query = urllib.parse.urlencode({"client_id": app["client_id"], "redirect_uri": oob, "response_type": "code", "scope": "read write"})
opener.open(f"{base}/oauth/authorize?{query}").read()
post("/auth/sign_in", username=f"{name}@example.org", password="test-Password-1").read()
page = post("/oauth/authorize").read().decode()
code = re.search(r"<code>([^<]+)</code>|code=([A-Za-z0-9._-]+)", page)
if not code:
    sys.exit("no code on the page")
token = post(
    "/oauth/token", grant_type="authorization_code", code=code.group(1) or code.group(2), redirect_uri=oob,
    client_id=app["client_id"], client_secret=app["client_secret"],
)
print(json.load(token)["access_token"])
