"""A server on port 8080 that takes as many seconds for an answer as stand in a file: its argument."""

SLOW_SERVER = """
import http.server, pathlib, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(float(pathlib.Path(sys.argv[1]).read_text() or 0))
        self.send_response(404 if "gone" in self.path else 200)
        self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""
