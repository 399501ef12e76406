"""GET /docs: a page for people that is true, whole and by itself."""
import base64
import gzip
import hashlib
import html.parser
import json
import re
import unittest
import urllib.parse
import xml.etree.ElementTree

from query_service import QueryService, Rows, migrated_server

PATH = "/api/call/batch-details/"
VOID = {"meta", "link", "br", "path"}

service = None
token = None
batch = None
answer = None
tree = None


def setUpModule():
    global service, token, batch, answer, tree
    server = migrated_server()
    rows = Rows(server, "callboard")
    token = rows.token("owner")
    batch = rows.batch("owner", [{"phone": str(n), "fields": '{"name":"Emily Davis"}', "attempts": [{"status": "completed"}]} for n in range(3)])
    service = QueryService(server.url("callboard", "callboard_reader"), HTTP_CORS_ORIGINS="https://app.example")
    unittest.addModuleCleanup(service.end)
    service.start()
    answer = service.request("/docs")
    tree = xml.etree.ElementTree.fromstring(answer.body)


def text_of(element):
    return "".join(element.itertext())


def by_id(name):
    return next(element for element in tree.iter() if element.get("id") == name)


def of_class(name):
    return [text_of(element) for element in tree.iter("code") if element.get("class") == name]


class Nesting(html.parser.HTMLParser):
    """What is wrong, as HTML sees it: elements that are not closed, or closed by another."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.wrong = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        if tag not in VOID:
            self.wrong.append(f"<{tag}/>")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")


class Served(unittest.TestCase):
    def test_is_for_everybody_and_can_be_validated(self):
        self.assertEqual((answer.status, answer.header("Content-Type")), (200, "text/html; charset=utf-8"))
        self.assertIn("Accept-Encoding", [v for n, v in answer.headers if n == "Vary"])
        again = service.request("/docs", headers=[("If-None-Match", answer.header("ETag"))])
        self.assertEqual((again.status, again.body, again.header("ETag")), (304, b"", answer.header("ETag")))
        other = service.request("/docs", headers=[("If-Match", '"other"')])
        self.assertEqual((other.status, json.loads(other.body)["code"]), (412, 412))
        head = service.request("/docs", method="HEAD")
        self.assertEqual((head.body, head.without_date()[1]), (b"", answer.without_date()[1]))
        self.assertEqual(service.request("/docs", method="POST").status, 405)

    def test_is_compressed_with_tags_of_its_own(self):
        for path in ("/docs", "/openapi.json"):
            plain = service.request(path)
            coded = {coding: service.request(path, headers=[("Accept-Encoding", coding)]) for coding in ("gzip", "zstd")}
            self.assertEqual(gzip.decompress(coded["gzip"].body), plain.body)
            self.assertEqual({c: a.header("Content-Encoding") for c, a in coded.items()}, {"gzip": "gzip", "zstd": "zstd"})
            tags = [a.header("ETag") for a in (plain, *coded.values())]
            self.assertEqual(len(set(tags)), 3)
            for a in coded.values():
                self.assertLess(len(a.body) * 2, len(plain.body))
                same = service.request(path, headers=[("Accept-Encoding", a.header("Content-Encoding")), ("If-None-Match", a.header("ETag"))])
                self.assertEqual((same.status, same.body, same.header("Content-Encoding")), (304, b"", None))

    def test_its_policy_lets_through_its_style_sheet_alone(self):
        style = text_of(tree.find("head/style"))
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        policies = [v for n, v in answer.headers if n == "Content-Security-Policy"]
        self.assertEqual(len(policies), 1)
        directives = dict(part.strip().split(" ", 1) for part in policies[0].split(";"))
        self.assertEqual(directives, {"default-src": "'none'", "style-src": f"'sha256-{digest}'", "img-src": "data:", "base-uri": "'none'",
                                      "form-action": "'none'", "frame-ancestors": "'none'"})
        self.assertEqual(len(list(tree.iter("style"))), 1)
        self.assertEqual(service.request("/openapi.json").header("Content-Security-Policy"), "default-src 'none'; frame-ancestors 'none'")


class Page(unittest.TestCase):
    def test_is_well_formed(self):  # that it is XML, too, setUpModule() has found
        nesting = Nesting()
        nesting.feed(answer.body.decode())
        nesting.close()
        self.assertEqual((nesting.wrong, nesting.open), ([], []))
        self.assertEqual(answer.body.splitlines()[0], b"<!DOCTYPE html>")

    def test_runs_nothing(self):
        for element in tree.iter():
            self.assertNotIn(element.tag, ("script", "iframe", "object", "embed", "form", "img", "base"))
            self.assertEqual([name for name in element.attrib if name.startswith("on") or name == "style"], [])

    def test_refers_to_nothing_elsewhere(self):
        names = ("href", "src", "srcset", "action", "data", "poster", "cite", "ping")
        references = [element.get(name) for element in tree.iter() for name in names if element.get(name)]
        self.assertGreater(len(references), 10)
        for reference in references:
            self.assertRegex(reference, r"\A(#|/(?!/)|data:image/svg\+xml,)")
        style = text_of(tree.find("head/style"))
        self.assertNotRegex(style, r"url\(|@import|//")

    def test_every_link_leads_somewhere(self):
        ids = [element.get("id") for element in tree.iter() if element.get("id")]
        self.assertEqual(len(ids), len(set(ids)))
        for link in tree.iter("a"):
            target = link.get("href")
            if target.startswith("#"):
                self.assertIn(target[1:], ids)
            else:
                self.assertEqual(service.request(target).status, 200, target)

    def test_has_what_the_openapi_document_has(self):
        description = json.loads(service.request("/openapi.json").body)
        item = description["paths"]["/api/call/batch-details/{id}"]
        statuses = {status for method in ("get", "head", "options") for status in item[method]["responses"]}
        ids = {element.get("id") for element in tree.iter()}
        self.assertEqual({i[7:] for i in ids if i and i.startswith("status-")}, statuses)
        parameters = {p["name"] for p in description["components"]["parameters"].values() if p["in"] == "query"} | {"id"}
        self.assertEqual({i[10:] for i in ids if i and i.startswith("parameter-")}, parameters)
        self.assertEqual({i[7:] for i in ids if i and i.startswith("header-")}, set(description["components"]["headers"]))


class Examples(unittest.TestCase):
    def ask(self, **parameters):
        return service.page(batch, token, urllib.parse.urlencode(parameters))

    def test_every_filter_is_taken(self):
        filters = of_class("filter")
        self.assertGreater(len(filters), 15)
        for text in filters:
            got = self.ask(filter=text)
            self.assertEqual(got.status, 200, (text, got.body))

    def test_every_search_is_taken(self):
        self.assertGreater(len(of_class("search")), 3)
        for text in of_class("search"):
            self.assertEqual(self.ask(search=text).status, 200, text)

    def test_the_error_is_what_is_answered(self):
        got = self.ask(sortOrder="down")
        self.assertEqual(json.dumps(json.loads(got.body)), json.dumps(json.loads(text_of(by_id("error-answer")))))

    def test_the_answer_has_the_members_of_real_ones(self):
        def shape(value):
            if isinstance(value, dict):
                return {name: shape(inner) for name, inner in value.items()}
            return [shape(inner) for inner in value] if isinstance(value, list) else None

        shown, real = json.loads(text_of(by_id("first-answer"))), json.loads(self.ask(limit=1).body)
        for call in (shown["data"]["data"][0], real["data"]["data"][0]):
            for name in [n for n in call if re.fullmatch("name|account_id|priority", n)]:
                del call[name]
        self.assertEqual(json.dumps(shape(shown)), json.dumps(shape(real)))


if __name__ == "__main__":
    unittest.main()
