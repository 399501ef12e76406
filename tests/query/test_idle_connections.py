"""A thousand idle connections: cheap, and answered right. tests/bench/idle_connections.py does it with ten thousand."""
import pathlib
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / folder) for folder in ("support", "bench")]

import idle_connections  # noqa: E402


class IdleConnections(unittest.TestCase):
    def test_a_thousand_stay_open_beside_load_and_are_answered_right(self):
        figures = idle_connections.run(connections=1000, requests=1000)
        self.assertEqual(figures["wrong"], 0, figures)
        self.assertLessEqual(figures["bytesPerConnection"], idle_connections.MOST_BYTES, figures)


if __name__ == "__main__":
    unittest.main()
