"""The generator's patterns mean to Python's re, as the oracle translates them, what they mean to PostgreSQL."""
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE)]

import generate  # noqa: E402
from answers import MAX_PATTERN_BYTES, BadRequest, compile_pattern  # noqa: E402
from servers import shared_postgres  # noqa: E402

TEXTS = sorted({*generate.STRINGS, *generate.PHONES, *generate.URLS, *generate.TRANSCRIPTS, *generate.STATUSES})


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def rows(texts):
    return ",".join(f"({number},{literal(text)})" for number, text in enumerate(texts))


class Patterns(unittest.TestCase):
    def test_every_pattern_on_every_text(self):
        found = shared_postgres().sql(f"SELECT p, t, text ~ pattern, text ~* pattern FROM (VALUES {rows(generate.PATTERNS)}) AS x(p, pattern), "
                                      f"(VALUES {rows(TEXTS)}) AS y(t, text)")
        self.assertEqual(len(found), len(generate.PATTERNS) * len(TEXTS))
        for p, t, sensitive, insensitive in found:
            pattern, text = generate.PATTERNS[int(p)], TEXTS[int(t)]
            for ignore_case, by_server in ((False, sensitive), (True, insensitive)):
                by_oracle = "t" if compile_pattern(pattern, ignore_case).search(text) else "f"
                self.assertEqual(by_oracle, by_server, f"{pattern!r} on {text!r}, ignore_case={ignore_case}")

    def test_what_the_oracle_refuses_the_server_refuses_or_the_contract_does(self):
        for pattern in generate.BAD_PATTERNS:
            with self.assertRaises(BadRequest, msg=pattern):
                compile_pattern(pattern, True)
            if len(pattern.encode()) <= MAX_PATTERN_BYTES and "\\1" not in pattern and "\\2" not in pattern:
                with self.assertRaisesRegex(Exception, "invalid regular expression", msg=pattern):
                    shared_postgres().sql(f"SELECT '' ~ {literal(pattern)}")


if __name__ == "__main__":
    unittest.main()
