"""Oracle's download site, as a build sees it through a company's proxy that inspects TLS."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.tls import LOOPBACK, Authority

HOST = "download.oracle.com"


@dataclass
class DownloadSite:
    """`files` by path; `asked` is what was asked for, in order."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@contextlib.contextmanager
def download_site(authority: Authority) -> Iterator[DownloadSite]:
    """A proxy on loopback that answers for the site itself; nothing leaves the machine."""
    site = DownloadSite()

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            if self.path != f"{HOST}:443":
                self.send_error(502, f"this proxy stands for {HOST} only")
                return
            self.send_response(200)
            self.end_headers()
            context = authority.server_context()
            with (
                context.wrap_socket(self.connection, server_side=True) as tls,
                tls.makefile("rwb") as stream,
            ):
                self.rfile = self.wfile = stream
                self.handle_one_request()
            self.close_connection = True

        def do_GET(self) -> None:
            site.asked.append(self.path)
            content = site.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        site.url = f"http://{LOOPBACK}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield site
        server.shutdown()
        thread.join()
