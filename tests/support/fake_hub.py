"""A local server with the part of the model hub's protocol that downloading a snapshot needs."""

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "1" * 40


class Hub:
    """Serves one repository of `files` by path. `cut`: paths whose next download breaks off half way."""

    def __init__(self, repository: str, files: dict[str, bytes]) -> None:
        self.repository, self.files = repository, files
        self.cut: set[str] = set()
        self.requests: list[tuple[str, str, str | None]] = []  # method, path, Range header
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub.answer(self, body=True)

            def do_HEAD(self) -> None:
                hub.answer(self, body=False)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler, body: bool) -> None:
        """Answer one request."""
        path = request.path.split("?")[0]
        self.requests.append((request.command, path, request.headers.get("Range")))
        if found := re.fullmatch(rf"/{self.repository}/resolve/(main|{COMMIT})/(.+)", path):
            self._file(request, found[2], body)
        elif re.fullmatch(rf"/api/models/{self.repository}(/revision/(main|{COMMIT}))?", path):
            siblings = [{"rfilename": name} for name in self.files]
            _json(request, 200, {"id": self.repository, "sha": COMMIT, "siblings": siblings}, body)
        elif re.fullmatch(rf"/api/models/{self.repository}/tree/(main|{COMMIT}).*", path):
            _json(request, 200, [_entry(name, data) for name, data in self.files.items()], body)
        else:
            error = "RevisionNotFound" if self.repository in path else "RepoNotFound"
            _json(request, 404, {"error": "not found"}, body, {"X-Error-Code": error})

    def _file(self, request: BaseHTTPRequestHandler, name: str, body: bool) -> None:
        data = self.files.get(name)
        if data is None:
            _json(request, 404, {"error": "no such file"}, body, {"X-Error-Code": "EntryNotFound"})
            return
        begin = int(re.sub(r"\D+(\d+)-.*", r"\1", request.headers.get("Range") or "bytes=0-"))
        request.send_response(206 if begin else 200)
        request.send_header("Content-Length", str(len(data) - begin))
        if begin:
            request.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        request.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        request.send_header("X-Repo-Commit", COMMIT)
        request.send_header("Accept-Ranges", "bytes")
        request.end_headers()
        if not body:
            return
        if name in self.cut:
            self.cut.discard(name)
            request.wfile.write(data[begin : begin + (len(data) - begin) // 2])
            request.wfile.flush()
            request.connection.close()
            return
        request.wfile.write(data[begin:])


def _entry(name: str, data: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}


def _json(
    request: BaseHTTPRequestHandler, code: int, value: Any, body: bool, headers: dict[str, str] | None = None
) -> None:
    data = json.dumps(value).encode()
    request.send_response(code)
    for key, header in {"Content-Type": "application/json", "X-Repo-Commit": COMMIT, **(headers or {})}.items():
        request.send_header(key, header)
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    if body:
        request.wfile.write(data)
