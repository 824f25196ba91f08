"""Makes a token for every scope at a desk in demonstration mode, as people do: an administrator asks, data protection approves.
Before that a reviewer suspects one post, so that there is a case to read.

api_token.py URL    prints the token
"""

import http.cookiejar
import re
import sys
import urllib.parse
import urllib.request

SCOPES = ["items.read", "cases.read", "figures.read", "audit.read"]


class Person:
    """A browser of one's own, logged in with the account that the demonstration shows."""

    def __init__(self, url: str, user: str) -> None:
        self.url = url
        jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar))
        page = self.get("/login")
        password = re.search(rf"<td>{user}</td>.*?<code>([^<]+)</code>", page, re.S)
        assert password, f"the log-in page shows no account {user}: is this a demonstration?"
        self.post("/login", user=user, password=password.group(1), code="")

    def get(self, path: str) -> str:
        self.page = self.opener.open(self.url + path, timeout=60).read().decode()
        return self.page

    def post(self, path: str, **fields: str) -> str:
        csrf = re.search(r'name="csrf" value="([^"]*)"', self.page)
        assert csrf, f"no form on the page before {path}"
        body = urllib.parse.urlencode({"csrf": csrf.group(1), **fields}).encode()
        self.page = self.opener.open(self.url + path, data=body, timeout=60).read().decode()
        return self.page


def suspect(url: str) -> None:
    reviewer = Person(url, "streife")
    reviewer.get("/queue")
    reviewer.post("/next")
    decide = re.search(r'action="(/items/[0-9a-f]+/decide)"', reviewer.page)
    assert decide, "no post was given"
    reviewer.post(decide.group(1), decision="norm:StGB-130")


def token(url: str) -> str:
    admin = Person(url, "admin")
    admin.get("/tokens")
    made = admin.post("/tokens", name="schemathesis", days="1", **{f"scope_{scope}": "on" for scope in SCOPES})
    secret = re.search(r'<code class="wrap">([^<]+)</code>', made)
    assert secret, "no token was shown"
    protection = Person(url, "datenschutz")
    approval = re.search(r'action="(/tokens/[^"]+/approve)"', protection.get("/tokens"))
    assert approval, "there is nothing to approve"
    protection.post(approval.group(1))
    return secret.group(1)


if __name__ == "__main__":
    suspect(sys.argv[1].rstrip("/"))
    print(token(sys.argv[1].rstrip("/")))
