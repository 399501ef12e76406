"""What browsers and impatient clients meet: security headers, CORS, the rate of a token. Each on a service of its own options."""
import json
import os
import subprocess
import threading
import unittest

from query_service import QueryService, Rows, migrated_server, new_token, program

PATH = "/api/call/batch-details/"
ORIGIN = "https://app.example"
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
PREFLIGHT = [("Origin", ORIGIN), ("Access-Control-Request-Method", "GET"),
             ("Access-Control-Request-Headers", "authorization")]

server = None
rows = None
token = None
batch = None


def setUpModule():
    global server, rows, token, batch
    server = migrated_server()
    rows = Rows(server, "callboard")
    token = rows.token("owner")
    batch = rows.batch("owner", [{"phone": "1"}])


def service_with(**environment):
    return QueryService(server.url("callboard", "callboard_reader"), **environment)


def cors_lines(answer):
    return {name for name, _ in answer.headers if name.lower().startswith("access-control-")}


class SecurityHeaders(unittest.TestCase):
    def test_every_answer_has_each_of_them_once(self):
        with service_with() as service:
            cases = {200: (PATH + batch, token, "GET"), 401: (PATH + batch, None, "GET"), 400: (PATH + "x", token, "HEAD"),
                     404: ("/", token, "GET"), 405: (PATH + batch, token, "POST"), 414: ("/" + "a" * 40000, token, "GET")}
            for status, (target, credentials, method) in cases.items():
                with self.subTest(status=status):
                    answer = service.request(target, credentials, method)
                    self.assertEqual(answer.status, status)
                    for name, value in SECURITY.items():
                        self.assertEqual([v for n, v in answer.headers if n == name], [value], name)


class Cors(unittest.TestCase):
    def test_is_off_by_default(self):
        with service_with() as service:
            answer = service.request(PATH + batch, token, headers=[("Origin", ORIGIN)])
            self.assertEqual((answer.status, cors_lines(answer)), (200, set()))
            preflight = service.request(PATH + batch, method="OPTIONS", headers=PREFLIGHT)
            self.assertEqual((preflight.status, preflight.header("Allow"), cors_lines(preflight)), (405, "GET, HEAD", set()))

    def test_serves_the_origins_given(self):
        with service_with(HTTP_CORS_ORIGINS=f"http://other.example,{ORIGIN}") as service:
            preflight = service.request(PATH + batch, method="OPTIONS", headers=PREFLIGHT)
            self.assertEqual((preflight.status, preflight.body, preflight.header("Content-Length")), (204, b"", None))
            self.assertEqual(preflight.header("Access-Control-Allow-Origin"), ORIGIN)
            self.assertIn("Authorization", preflight.header("Access-Control-Allow-Headers"))
            self.assertEqual(preflight.header("Allow"), "GET, HEAD, OPTIONS")
            for target, credentials, status in ((PATH + batch, token, 200), (PATH + batch, None, 401), ("/", None, 404)):
                answer = service.request(target, credentials, headers=[("Origin", ORIGIN)])
                self.assertEqual((answer.status, answer.header("Access-Control-Allow-Origin")), (status, ORIGIN))
                for name in ("ETag", "Link", "RateLimit", "RateLimit-Policy"):
                    self.assertIn(name, answer.header("Access-Control-Expose-Headers").split(", "))

    def test_tells_other_origins_nothing(self):
        with service_with(HTTP_CORS_ORIGINS=ORIGIN) as service:
            for origin in ("https://app.example.evil", "null", "https://APP.example"):
                answer = service.request(PATH + batch, token, headers=[("Origin", origin)])
                self.assertEqual((answer.status, cors_lines(answer)), (200, set()), origin)
                self.assertIn("Origin", [value for name, value in answer.headers if name == "Vary"])

    def test_any_origin_and_unknown_paths(self):
        with service_with(HTTP_CORS_ORIGINS="*") as service:
            self.assertEqual(service.request(PATH + batch, token).header("Access-Control-Allow-Origin"), "*")
            self.assertEqual(service.request("/nowhere", method="OPTIONS", headers=PREFLIGHT).status, 404)
            self.assertEqual(service.request("*", method="OPTIONS").status, 204)
            refused = service.request(PATH + batch, method="DELETE")
            self.assertEqual((refused.status, refused.header("Allow")), (405, "GET, HEAD, OPTIONS"))

    def test_what_is_no_origin_is_told_at_the_start(self):
        for origins in ("https://app.example/", "*,https://app.example", "app.example"):
            ended = subprocess.run([program("callboard-query")], capture_output=True, text=True, timeout=30,
                                   env={**os.environ, "HTTP_CORS_ORIGINS": origins})
            self.assertEqual(ended.returncode, 2, origins)
            self.assertIn("HTTP_CORS_ORIGINS", ended.stderr)


class RateOfAToken(unittest.TestCase):
    def test_is_off_by_default(self):
        with service_with() as service:
            answer = service.request(PATH + batch, token)
            self.assertEqual((answer.header("RateLimit"), answer.header("RateLimit-Policy")), (None, None))

    def test_is_counted_over_connections_and_workers(self):
        with service_with(HTTP_RATE_LIMIT="20", HTTP_RATE_WINDOW_S="86400", HTTP_WORKERS="4") as service:
            statuses = []

            def ask():
                statuses.extend(service.request(PATH + batch, token).status for _ in range(8))

            threads = [threading.Thread(target=ask) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual((statuses.count(200), statuses.count(429)), (20, 12))
            self.assertIn("\ncallboard_rate_limited_total 12\n", service.admin("/metrics")[1])

    def test_tells_what_is_left_and_when_to_retry(self):
        with service_with(HTTP_RATE_LIMIT="2", HTTP_RATE_WINDOW_S="86400") as service:
            first = service.request(PATH + batch, token)
            self.assertEqual(first.header("RateLimit-Policy"), '"token";q=2;w=86400')
            self.assertEqual(first.header("RateLimit"), '"token";r=1;t=43200')
            again = service.request(PATH + batch, token, headers=[("If-None-Match", first.header("ETag"))])
            self.assertEqual((again.status, again.header("RateLimit").split(";")[1]), (304, "r=0"))
            refused = service.request(PATH + batch, token)
            self.assertEqual(refused.status, 429)
            self.assertIn(int(refused.header("Retry-After")), range(43100, 43201))
            body = json.loads(refused.body)
            self.assertEqual((body["code"], body["status"], body["message"], body["data"]),
                             (429, False, "Too Many Requests", None))
            self.assertEqual(service.request(PATH + batch, rows.token("owner")).status, 200, "another token is not refused")

    def test_what_does_not_ask_the_database_is_not_counted(self):
        with service_with(HTTP_RATE_LIMIT="1", HTTP_RATE_WINDOW_S="86400") as service:
            for target, status in ((PATH + batch + "?page=0", 400), (PATH + "x", 400), ("/nowhere", 404), ("/docs", 200)):
                for _ in range(2):
                    answer = service.request(target, token)
                    self.assertEqual((answer.status, answer.header("RateLimit")), (status, None), target)
            self.assertEqual([service.request(PATH + batch, token).status for _ in range(2)], [200, 429])
            self.assertEqual(service.request(PATH + batch + "?page=0", token).status, 400, "what is wrong is told all the same")

    def test_an_invalid_token_stays_invalid(self):
        with service_with(HTTP_RATE_LIMIT="1", HTTP_RATE_WINDOW_S="86400") as service:
            unknown = new_token()
            self.assertEqual([service.request(PATH + batch, unknown).status for _ in range(3)], [401, 401, 401])


if __name__ == "__main__":
    unittest.main()
