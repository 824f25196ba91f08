"""Makes a world-readable room with a few messages on the test server and prints its id and a guest's token: room.py PORT."""

import hashlib
import hmac
import json
import sys
import urllib.request

base = f"http://127.0.0.1:{sys.argv[1]}/_matrix/client/v3"
admin = f"http://127.0.0.1:{sys.argv[1]}/_synapse/admin/v1/register"


def call(method, url, body=None, token=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    return json.load(urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)))


nonce = call("GET", admin)["nonce"]
parts = [nonce, "amt", "pass", "notadmin"]
mac = hmac.new(b"test", "\0".join(parts).encode(), hashlib.sha1).hexdigest()
user = call("POST", admin, {"nonce": nonce, "username": "amt", "password": "pass", "admin": False, "mac": mac})
token = user["access_token"]
room = call("POST", f"{base}/createRoom", {"preset": "public_chat", "initial_state": [
    {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "world_readable"}},
    {"type": "m.room.guest_access", "state_key": "", "content": {"guest_access": "can_join"}},
]}, token)["room_id"]


def send(n, content):
    return call("PUT", f"{base}/rooms/{room}/send/m.room.message/{n}", content, token)["event_id"]


ids = [send(n, {"msgtype": "m.text", "body": text}) for n, text in enumerate(["eins", "zwei", "drei"])]
send("edit", {"msgtype": "m.text", "body": "* vier", "m.new_content": {"msgtype": "m.text", "body": "vier"},
              "m.relates_to": {"rel_type": "m.replace", "event_id": ids[2]}})
call("PUT", f"{base}/rooms/{room}/redact/{ids[1]}/r", {}, token)
guest = call("POST", f"{base}/register?kind=guest", {})["access_token"]
print(room, guest)
