"""The SQL of callboard-ingest, as it stands in its table of statements."""
import pathlib
import re

TABLE = pathlib.Path(__file__).resolve().parents[2] / "services/ingest/store_sql.c"


def ingest_statements():
    """{name: SQL} of its table."""
    text = re.sub(r"/\*.*?\*/", "", TABLE.read_text(), flags=re.S)
    found = {}
    for name, literals in re.findall(r'\[SQL_\w+\] =\s*\{"(\w+)",\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\}', text):
        found[name] = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals)).replace('\\"', '"')
    if len(found) != len(re.findall(r"^ +\[SQL_\w+\] =", text, flags=re.M)):
        raise AssertionError("not all of ingest's statements were understood")
    return found
