"""The API's descriptions before others' linters: OpenAPI by Redocly's rules, HTML by html-validate's."""
import os
import pathlib
import subprocess
import tempfile
import unittest

from tools import Api, needed, node_tools

HERE = pathlib.Path(__file__).resolve().parent


class Lint(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node, cls.tools = needed("node"), node_tools()
        cls.api = Api(cls, 1, HTTP_CORS_ORIGINS="*", HTTP_RATE_LIMIT="100")
        cls.plain = Api(cls, 1)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)

    def lint(self, program, text, suffix, *arguments):
        """Its exit status and what it said of the text."""
        file = self.folder / f"document.{suffix}"
        file.write_bytes(text)
        done = subprocess.run([self.node, program, *arguments, file], capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=self.folder,
                              env={**os.environ, "NODE_PATH": str(self.tools / "node_modules")})
        return done.returncode, done.stdout + done.stderr

    def lint_openapi(self, text):
        return self.lint(HERE / "lint_openapi.js", text, "json")

    def lint_html(self, text):
        return self.lint(self.tools / "node_modules/.bin/html-validate", text, "html",
                         "--config", HERE / "html-validate.json", "--max-warnings", "0")

    def check(self, lint, path):
        for api in (self.api, self.plain):
            status, said = lint(api.service.request(path).body)
            self.assertEqual(status, 0, said)

    def test_nothing_is_found_in_the_openapi_document(self):
        self.check(self.lint_openapi, "/openapi.json")

    def test_nothing_is_found_in_the_page(self):
        self.check(self.lint_html, "/docs")

    def test_mistakes_would_be_found(self):
        text = self.api.service.request("/openapi.json").body
        for was, becomes, rule in ((b'"getDocs"', b'"headDocs"', "operation-operationId-unique"), (b'"description": "The page', b'"x": "The page', "struct"),
                                   (b"schemas/Page", b"schemas/Pages", "no-unresolved-refs")):
            status, said = self.lint_openapi(text.replace(was, becomes))
            self.assertEqual(status, 1, (was, said))
            self.assertIn(rule, said)
        text = self.api.service.request("/docs").body
        for was, becomes, rule in ((b"</section>", b"", "close-order"), (b' lang="en"', b"", "element-required-attributes"),
                                   (b'id="start"', b'id="clients"', "no-dup-id")):
            status, said = self.lint_html(text.replace(was, becomes, 1))
            self.assertEqual(status, 1, (was, said))
            self.assertIn(rule, said)


if __name__ == "__main__":
    unittest.main()
