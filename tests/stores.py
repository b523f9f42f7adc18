"""Servers of the tests' own that answer as Google Cloud Storage and the hub of Hugging Face do.

Each answers what its client asks for to read an object: what there is, and ranges of it.
"""

from __future__ import annotations

import http.server
import json
import re
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


class Objects(http.server.BaseHTTPRequestHandler):
    """A server of objects by name, to who has its token; of an empty one, to everyone."""

    protocol_version = "HTTP/1.1"
    objects: dict[str, bytes]
    token = ""

    def do_GET(self) -> None:
        if self.token and self.headers["Authorization"] != f"Bearer {self.token}":
            self.deny()
        else:
            url = urlsplit(self.path)
            self.find(url.path, {name: values[0] for name, values in parse_qs(url.query).items()})

    def deny(self) -> None:
        raise NotImplementedError

    def find(self, path: str, query: dict[str, str]) -> None:
        raise NotImplementedError

    def say(self, status: int, value: Any, **headers: str) -> None:
        self.send(status, json.dumps(value).encode(), Content_Type="application/json", **headers)

    def send(self, status: int, data: bytes, **headers: str) -> None:
        with suppress(ConnectionError):  # who asked twice at once takes the first answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def send_range(self, data: bytes) -> None:
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        part = data[first : last + 1]
        self.send(206, part, Content_Range=f"bytes {first}-{first + len(part) - 1}/{len(data)}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Bucket(Objects):
    """The bucket `toys` of Google Cloud Storage, by its JSON API."""

    def deny(self) -> None:
        said = "Anonymous caller does not have storage.objects.get access (or it may not exist)."
        self.say(401, {"error": {"code": 401, "message": said}})

    def find(self, path: str, query: dict[str, str]) -> None:
        place, _, key = path.removeprefix("/download").partition("/b/toys/o")
        name = unquote(key.removeprefix("/"))
        if place != "/storage/v1" or (key and name not in self.objects):
            self.say(404, {"error": {"code": 404, "message": "not found"}})
        elif not key:
            found = [self.about(name) for name in self.objects if name.startswith(query["prefix"])]
            self.say(200, {"items": found})
        elif query.get("alt") == "media":
            self.send_range(self.objects[name])
        else:
            self.say(200, self.about(name))

    def about(self, name: str) -> dict[str, str]:
        return {"name": name, "bucket": "toys", "size": str(len(self.objects[name]))}


class Hub(Objects):
    """The data set `me/toys` of the hub of Hugging Face."""

    def deny(self) -> None:  # in the words that it has for what is not there
        self.say(401, {"error": "Invalid username or password."}, X_Error_Code="RepoNotFound")

    def find(self, path: str, _: dict[str, str]) -> None:
        kind, of, rest = unquote(path).partition("/datasets/me/toys")
        asked = re.match(r"/(tree|resolve)/main/?(.*)", rest)
        if not of:
            self.say(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
        elif kind and not asked:
            self.say(200, {"id": "me/toys"})
        elif asked and not kind and asked[2] in self.objects:
            self.send_range(self.objects[asked[2]])
        elif asked and (found := self.listed(asked[2])):
            self.say(200, found)
        else:
            self.say(404, {"error": "Entry not found"}, X_Error_Code="EntryNotFound")

    def listed(self, folder: str) -> list[dict[str, Any]]:
        sizes = {name: len(data) for name, data in self.objects.items()}
        kinds = dict.fromkeys(sizes, "file") | {
            name.rpartition("/")[0]: "directory" for name in sizes
        }
        return [
            {"type": kind, "path": name, "oid": "0" * 40, "size": sizes.get(name, 0)}
            for name, kind in kinds.items()
            if name.rpartition("/")[0] == folder
        ]


@contextmanager
def served(handler: Any) -> Iterator[str]:
    """Yield the URL of a server of this handler, which ends with the block."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
