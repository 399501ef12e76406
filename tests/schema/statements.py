"""The SQL of callboard-ingest, as it stands in its table of statements."""
import pathlib
import re
import subprocess

TABLE = pathlib.Path(__file__).resolve().parents[2] / "services/ingest/store_sql.c"


def ingest_statements():
    """{name: SQL} of its table."""
    source = re.sub(r"^#include.*$", "", TABLE.read_text(), flags=re.M)
    text = subprocess.run(["cpp", "-P", "-"], input=source, capture_output=True, text=True, check=True).stdout  # parts that statements share are macros
    found = {}
    for name, literals in re.findall(r'\[SQL_\w+\] =\s*\{"(\w+)",\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\}', text):
        found[name] = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals)).replace('\\"', '"')
    if len(found) != len(re.findall(r"^ +\[SQL_\w+\] =", text, flags=re.M)):
        raise AssertionError("not all of ingest's statements were understood")
    return found
