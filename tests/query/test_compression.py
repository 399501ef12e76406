"""Compressed answers: what is sent, and what validators say of it."""
import gzip
import shutil
import subprocess
import unittest

from query_service import QueryService, Rows, migrated_server

PATH = "/api/call/batch-details/"

server = None
service = None
token = None
target = None
small = None


def setUpModule():
    global server, service, token, target, small
    server = migrated_server()
    rows = Rows(server, "callboard")
    token = rows.token("owner")
    target = PATH + rows.batch("owner", [{"phone": str(n), "fields": '{"note":"' + "word " * 20 + '"}'} for n in range(100)]) + "?limit=100"
    small = PATH + rows.batch("owner", [{"phone": "1"}])
    service = QueryService(server.url("callboard", "callboard_reader"))
    unittest.addModuleCleanup(service.end)
    service.start()


def get(coding, path=None, method="GET", **fields):
    headers = [("Accept-Encoding", coding)] if coding is not None else []
    return service.request(path or target, token, method, headers + [(k.replace("_", "-"), v) for k, v in fields.items()])


def unzstd(coded):
    return subprocess.run(["zstd", "-dc"], input=coded, capture_output=True, check=True).stdout


class Compression(unittest.TestCase):
    def test_gzip_is_the_same_answer(self):
        plain, coded = get(None), get("gzip")
        self.assertEqual((plain.header("Content-Encoding"), coded.header("Content-Encoding")), (None, "gzip"))
        self.assertEqual(gzip.decompress(coded.body), plain.body)
        self.assertLess(len(coded.body) * 4, len(plain.body))
        self.assertEqual(int(coded.header("Content-Length")), len(coded.body))

    @unittest.skipUnless(shutil.which("zstd"), "there is no zstd to look with")
    def test_zstd_is_the_same_answer(self):
        coded = get("gzip, deflate, br, zstd")
        self.assertEqual(coded.header("Content-Encoding"), "zstd")
        self.assertEqual(unzstd(coded.body), get(None).body)

    def test_every_answer_varies(self):
        for coding in (None, "gzip", "zstd", "identity"):
            self.assertIn("Accept-Encoding", get(coding).header("Vary"))
            self.assertIn("Accept-Encoding", get(coding, If_None_Match="*").header("Vary"))

    def test_tags_differ_by_coding_and_validate_their_own(self):
        tags = {coding: get(coding).header("ETag") for coding in ("identity", "gzip", "zstd")}
        self.assertEqual(len(set(tags.values())), 3)
        for sent in tags:
            for named, tag in tags.items():
                answer = get(sent, If_None_Match=tag)
                self.assertEqual((answer.status, answer.header("ETag")), (304 if sent == named else 200, tags[sent]), (sent, named))
                self.assertEqual(get(sent, If_Match=tag).status, 200 if sent == named else 412, (sent, named))

    def test_several_lines_are_one_list(self):
        for lines, coding in ((("br", "gzip"), "gzip"), (("gzip", "zstd;q=0.5"), "gzip"), (("gzip", "gzip;q=0"), None)):
            answer = service.request(target, token, headers=[("Accept-Encoding", line) for line in lines])
            self.assertEqual(answer.header("Content-Encoding"), coding, lines)

    def test_head_tells_the_coded_length(self):
        got, head = get("gzip"), get("gzip", method="HEAD")
        self.assertEqual(head.body, b"")
        self.assertEqual(head.without_date()[1], got.without_date()[1])

    def test_what_does_not_pay_stays_as_it_is(self):
        for coding in ("gzip", "*", "identity;q=0, gzip"):
            self.assertIsNone(get(coding, small).header("Content-Encoding"))
        self.assertIsNone(get("br").header("Content-Encoding"))
        self.assertIsNone(get("gzip;q=0, *;q=0").header("Content-Encoding"))


if __name__ == "__main__":
    unittest.main()
