"""GET /openapi.json: what it says is what the service does."""
import json
import unittest
import urllib.parse

from query_service import QueryService, Rows, migrated_server, new_token

PATH = "/api/call/batch-details/"
MAX_LIMIT = 77
ORIGIN = "https://app.example"
# Of HTTP itself and of browsers, on every answer: no more about this API than about any other.
NOT_DESCRIBED = {"Date", "Content-Length", "Content-Type", "Connection", "X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy",
                 "Cross-Origin-Resource-Policy"}

service = None
token = None
batch = None
description = None


def setUpModule():
    global service, token, batch, description
    server = migrated_server()
    rows = Rows(server, "callboard")
    token = rows.token("owner")
    batch = rows.batch("owner", [{"phone": str(n)} for n in range(100)])
    service = QueryService(server.url("callboard", "callboard_reader"), HTTP_MAX_LIMIT=str(MAX_LIMIT), HTTP_CORS_ORIGINS=ORIGIN,
                           HTTP_RATE_LIMIT="100000")
    unittest.addModuleCleanup(service.end)
    service.start()
    description = json.loads(service.request("/openapi.json").body)


def item():
    return description["paths"]["/api/call/batch-details/{id}"]


def query_parameters():
    return [p for p in description["components"]["parameters"].values() if p["in"] == "query"]


def references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


class Description(unittest.TestCase):
    def test_is_for_everybody_and_can_be_validated(self):
        answer = service.request("/openapi.json")
        self.assertEqual((answer.status, answer.header("Content-Type")), (200, "application/json"))
        again = service.request("/openapi.json", headers=[("If-None-Match", answer.header("ETag"))])
        self.assertEqual((again.status, again.body), (304, b""))
        head = service.request("/openapi.json", method="HEAD")
        self.assertEqual((head.body, head.without_date()[1]), (b"", answer.without_date()[1]))
        self.assertEqual(service.request("/openapi.json", method="POST").status, 405)
        self.assertEqual(service.request("/openapi.json/x").status, 404)

    def test_every_reference_leads_somewhere(self):
        found = set(references(description))
        self.assertTrue(found)
        for reference in found:
            node = description
            for name in reference.removeprefix("#/").split("/"):
                node = node[name]

    def test_limits_are_where_it_says(self):
        for parameter in query_parameters():
            name, schema = parameter["name"], parameter["schema"]
            limit = schema.get("maximum") or schema.get("maxLength")
            if not limit:
                continue
            if schema["type"] == "integer":
                good, bad = str(limit), str(limit + 1)
            else:
                good = '{"a":"' + "x" * (limit - 8) + '"}' if name == "filter" else "x" * limit
                bad = good.replace("x", "xx", 1)
            for value, status in ((good, 200), (bad, 400)):
                with self.subTest(name=name, status=status):
                    self.assertEqual(service.page(batch, token, f"{name}={urllib.parse.quote(value)}").status, status)

    def test_defaults_and_examples_are_taken(self):
        parameters = query_parameters()
        self.assertEqual({p["name"] for p in parameters}, {"page", "limit", "sortBy", "sortOrder", "filter", "search", "cursor"})
        limit = next(p for p in parameters if p["name"] == "limit")["schema"]
        self.assertEqual(limit["maximum"], MAX_LIMIT)
        plain = service.page(batch, token)
        for parameter in parameters:
            with self.subTest(name=parameter["name"]):
                if "default" in parameter["schema"]:
                    given = service.page(batch, token, f"{parameter['name']}={parameter['schema']['default']}")
                    self.assertEqual(given.body, plain.body)
                if "example" in parameter:
                    value = urllib.parse.quote(parameter["example"])
                    self.assertEqual(service.page(batch, token, f"{parameter['name']}={value}").status, 200)

    def test_answers_are_as_described(self):
        page = json.loads(service.page(batch, token).body)
        schemas = description["components"]["schemas"]
        self.assertEqual(list(page), schemas["Page"]["required"])
        self.assertEqual(list(page["data"]), schemas["Page"]["properties"]["data"]["required"])
        self.assertEqual(list(page["data"]["data"][0]), schemas["Call"]["required"])

    def test_every_status_met_is_described(self):
        described = set(item()["get"]["responses"])
        cases = {200: (PATH + batch, token, "GET"), 400: (PATH + "x", token, "GET"), 401: (PATH + batch, new_token(), "GET"),
                 404: (PATH + "f" * 24, token, "GET"), 405: (PATH + batch, token, "PUT"),
                 414: (PATH + batch + "?a=" + "a" * 40000, token, "GET")}
        for status, (target, credentials, method) in cases.items():
            self.assertEqual(service.request(target, credentials, method).status, status)
            self.assertIn(str(status), described)
        self.assertLessEqual({"304", "408", "412", "429", "431", "500", "503"}, described)


class HeaderFields(unittest.TestCase):
    """Of each kind of answer: those that it has are described, and those that it cannot do without are there."""

    def check(self, path, method, answer, *wanted):
        operation = description["paths"][path][method.lower()]
        described = set(operation["responses"][str(answer.status)].get("headers", {}))
        met = {name for name, _ in answer.headers} - NOT_DESCRIBED
        self.assertLessEqual(met, described, (path, method, answer.status))
        self.assertLessEqual(set(wanted), met, (path, method, answer.status))

    def ask(self, path, method="GET", credentials=None, **fields):
        return service.request(path, credentials, method, [("Origin", ORIGIN)] + [(k.replace("_", "-"), v) for k, v in fields.items()])

    def test_of_pages(self):
        template, path = PATH + "{id}", PATH + batch
        always = ("ETag", "Link", "Vary", "Cache-Control", "RateLimit", "RateLimit-Policy", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers")
        for method in ("GET", "HEAD"):
            coded = self.ask(path, method, token, Accept_Encoding="gzip")
            self.check(template, method, coded, "Content-Encoding", *always)
            self.check(template, method, self.ask(path, method, token, Accept_Encoding="gzip", If_None_Match=coded.header("ETag")), *always)
            self.check(template, method, self.ask(path, method, token, If_Match='"other"'), "RateLimit")
            self.check(template, method, self.ask(path + "?page=0", method, token))
            self.check(template, method, self.ask(path, method), "WWW-Authenticate")
            self.check(template, method, self.ask(path, method, new_token()), "WWW-Authenticate")
            self.check(template, method, self.ask(PATH + "f" * 24, method, token), "RateLimit")

    def test_of_documents(self):
        for path in ("/openapi.json", "/docs"):
            for method in ("GET", "HEAD"):
                plain = self.ask(path, method)
                self.check(path, method, plain, "ETag", "Vary", "Cache-Control")
                self.check(path, method, self.ask(path, method, Accept_Encoding="zstd"), "Content-Encoding")
                self.check(path, method, self.ask(path, method, If_None_Match=plain.header("ETag")), "ETag", "Vary", "Cache-Control")
                self.check(path, method, self.ask(path, method, If_Match='"other"'))

    def test_of_options(self):
        for template, path in ((PATH + "{id}", PATH + batch), ("/openapi.json",) * 2, ("/docs",) * 2):
            self.check(template, "OPTIONS", self.ask(path, "OPTIONS", Access_Control_Request_Method="GET"), "Allow", "Access-Control-Allow-Origin",
                       "Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age")
            self.check(template, "OPTIONS", self.ask(path, "OPTIONS"), "Allow")

    def test_of_refusals(self):
        described = item()["get"]["responses"]
        self.assertLessEqual({"Retry-After", "RateLimit", "RateLimit-Policy"}, set(described["429"]["headers"]))
        self.assertIn("Retry-After", described["503"]["headers"])
        self.assertIn("Allow", described["405"]["headers"])

    def test_without_cors_there_is_nothing_of_it(self):
        with QueryService(service.environment["DATABASE_URL"]) as plain:
            text = plain.request("/openapi.json").body.decode()
            self.assertNotIn("Access-Control", text)
            self.assertNotIn('"options"', text)


if __name__ == "__main__":
    unittest.main()
