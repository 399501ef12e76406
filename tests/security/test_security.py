"""TLS and SASL to Apache Kafka, TLS to PostgreSQL: what the documentation of services/ingest says, tried."""
import atexit
import ctypes
import json
import os
import pathlib
import shutil
import subprocess
import sys
import unittest
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

import kafka as kafka_support  # noqa: E402
from certificates import Authority  # noqa: E402
from secured import PLAIN_PASSWORD, PLAIN_USER, SCRAM_USER, SecuredKafka, SecuredPostgres, new_folder  # noqa: E402
from stack import NotYet, Stack, wait_for  # noqa: E402

OWNER = "owner-1"
WRITER_PASSWORD, READER_PASSWORD = "writer%20secret", "reader-secret"


def setUpModule():
    global folder, other, broker, server
    if not kafka_support.is_available():
        raise unittest.SkipTest("no Apache Kafka can be had here")
    folder = new_folder()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    other = Authority(folder, "other-ca")
    broker, server = SecuredKafka(folder), SecuredPostgres(folder)
    server.start()
    server.sql("CREATE ROLE callboard_writer LOGIN PASSWORD 'writer secret'; CREATE ROLE callboard_reader LOGIN PASSWORD 'reader-secret'; CREATE ROLE callboard_owner LOGIN")


def tearDownModule():
    broker.remove()
    server.remove()


class Secured(unittest.TestCase):
    def setUp(self):
        self.topic = "s" + uuid.uuid4().hex[:8]
        broker.node.create_topics({self.topic: 1})
        self.stack = Stack(server, broker.address("plaintext"), [self.topic])
        self.addCleanup(self.stack.__exit__)

    def file(self, name, content):
        path = os.path.join(self.stack.folder, name)
        with open(path, "w") as out:
            out.write(content)
        return path

    def writer(self, root=None, password=WRITER_PASSWORD, host="localhost"):
        return server.secured_url(self.stack.database, "callboard_writer", password, root or server.authority.certificate, host)

    def start_ingest(self, listener="plaintext", properties=(), url=None):
        """The properties come from a file, as secrets should."""
        path = self.file(f"kafka-{len(self.stack.programs)}.properties", "".join(f"{name}={value}\n" for name, value in properties))
        return self.stack.start_ingest([], KAFKA_BROKERS=broker.address(listener), KAFKA_PROPERTIES_FILE=path, DATABASE_URL=url or self.writer())

    def send(self):
        """An event, past all protection."""
        batch = uuid.uuid4().hex[:24]
        event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "dialer.batch.upserted", "time": "2025-05-15T14:00:00Z",
                 "data": {"batchId": batch, "ownerId": OWNER, "batchName": "secured"}}
        subprocess.run(["kcat", "-P", "-b", broker.address("plaintext"), "-t", self.topic], input=json.dumps(event).encode(), check=True, timeout=60)
        return batch

    def assert_stores(self, ingest):
        batch = self.send()
        try:
            wait_for("the event is stored", lambda: self.stack.sql(f"SELECT batch_name FROM callboard.batch WHERE batch_id = '\\x{batch}'"), 60)
        except NotYet as error:
            raise NotYet(f"{error}\n{ingest.log_tail()}") from None
        ingest.wait_ready(30)

    def assert_says(self, ingest, part, *words):
        """Readiness names the part and why; the log, too; and it goes on trying."""
        wait_for(f"{part} {words}", lambda: is_said(ingest.admin("/readyz"), part, words), 60, 0.1)
        self.assertTrue(ingest.is_running())
        self.assertTrue(all(word in ingest.log_text() for word in words), ingest.log_tail())
        self.assertNotIn(PLAIN_PASSWORD, ingest.log_text())


def is_said(readyz, part, words):
    status, text = readyz
    lines = [line for line in text.splitlines() if line.startswith(part)]
    return status == 503 and any(all(word in line for word in words) for line in lines)


class Kafka(Secured):
    def tls(self, authority=None):
        return ("security.protocol", "ssl"), ("ssl.ca.location", (authority or broker.authority).certificate)

    def sasl(self, mechanism, user, password, authority=None):
        return (("security.protocol", "sasl_ssl"), ("ssl.ca.location", (authority or broker.authority).certificate),
                ("sasl.mechanism", mechanism), ("sasl.username", user), ("sasl.password", password))

    def test_tls(self):
        self.assert_stores(self.start_ingest("tls", self.tls()))

    def test_mutual_tls(self):
        certificate = (("ssl.certificate.location", broker.client.certificate), ("ssl.key.location", broker.client.key))
        self.assert_stores(self.start_ingest("mutual", [*self.tls(), *certificate]))

    def test_sasl_plain(self):
        self.assert_stores(self.start_ingest("sasl", self.sasl("PLAIN", PLAIN_USER, PLAIN_PASSWORD)))

    def test_a_wrong_password_is_named_and_tried_again(self):
        ingest = self.start_ingest("sasl", self.sasl("PLAIN", PLAIN_USER, "yesterday's"))
        self.assert_says(ingest, "kafka:", "uthentication failed")
        wait_for("it is tried again", lambda: "identical error" in ingest.log_text(), 60)
        self.assertNotIn("yesterday's", ingest.log_text())

    def test_sasl_scram(self):
        """Before 2.6.1 librdkafka got the nonce wrong (its issue 4895), which Apache Kafka 4 does not forgive: the documentation says so."""
        broker.set_scram_password(SCRAM_USER, "s3cret")
        ingest = self.start_ingest("sasl", self.sasl("SCRAM-SHA-512", SCRAM_USER, "s3cret"))
        if ctypes.CDLL("librdkafka.so.1").rd_kafka_version() < 0x020601ff:
            self.assert_says(ingest, "kafka:", "uthentication failed")
        else:
            self.assert_stores(ingest)

    def test_an_authority_that_is_not_the_brokers_is_named(self):
        self.assert_says(self.start_ingest("tls", self.tls(other)), "kafka:", "certificate")

    def test_a_client_without_a_certificate_is_named(self):
        self.assert_says(self.start_ingest("mutual", self.tls()), "kafka:", "certificate")

    def test_a_broker_of_another_name_is_refused(self):
        path = self.file("address.properties", "".join(f"{name}={value}\n" for name, value in self.tls()))
        ingest = self.stack.start_ingest([], KAFKA_BROKERS=f"127.0.0.1:{broker.ports['tls']}", KAFKA_PROPERTIES_FILE=path, DATABASE_URL=self.writer())
        self.assert_says(ingest, "kafka:", "certificate")

    def test_the_dead_letters_commands_and_check_take_the_same_properties(self):
        path = self.file("ctl.properties", "".join(f"{name}={value}\n" for name, value in self.sasl("PLAIN", PLAIN_USER, PLAIN_PASSWORD)))
        ingest = self.start_ingest()
        subprocess.run(["kcat", "-P", "-b", broker.address("plaintext"), "-t", self.topic], input=b"no json", check=True, timeout=60)
        wait_for("a dead letter", lambda: self.stack.ctl("dead-letters", "count"), 60)
        out = self.stack.ctl("dead-letters", "replay", "--all", "--kafka-brokers", broker.address("sasl"), "--kafka-properties-file", path)
        self.assertEqual(out.strip(), "replayed 1, failed 0")
        wait_for("it is back", lambda: "not-json         1" in self.stack.ctl("dead-letters", "count"), 60)
        self.assertTrue(ingest.is_running())


class PostgreSql(Secured):
    def test_ingest_by_verified_tls(self):
        ingest = self.start_ingest()
        self.assert_stores(ingest)
        used = self.stack.sql("SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'callboard-ingest' AND datname = current_database()")
        self.assertEqual(used, [("t",)])

    def test_a_wrong_authority_is_named_and_tried_again(self):
        root = self.file("root.crt", pathlib.Path(other.certificate).read_text())
        ingest = self.start_ingest(url=self.writer(root))
        self.assert_says(ingest, "postgresql:", "certificate verify failed")
        self.file("root.crt", pathlib.Path(server.authority.certificate).read_text())
        self.assert_stores(ingest)

    def test_a_wrong_password_is_named_and_tried_again(self):
        ingest = self.start_ingest(url=self.writer(password="new"))
        self.assert_says(ingest, "postgresql:", "password authentication failed")
        self.stack.sql("ALTER ROLE callboard_writer PASSWORD 'new'")
        self.addCleanup(self.stack.sql, "ALTER ROLE callboard_writer PASSWORD 'writer secret'")
        self.assert_stores(ingest)

    def test_a_server_of_another_name_is_refused(self):
        self.assert_says(self.start_ingest(url=self.writer(host="127.0.0.1")), "postgresql:", "does not match host name")

    def test_without_tls_there_is_no_way_in(self):
        url = f"postgresql://callboard_writer:{WRITER_PASSWORD}@localhost:{server.port}/{self.stack.database}?sslmode=disable"
        self.assert_says(self.start_ingest(url=url), "postgresql:", "no encryption")

    def test_query_with_a_certificate_of_its_own(self):
        self.assert_stores(self.start_ingest())
        batch = self.send()
        own = f"&sslcert={server.client.certificate}&sslkey={server.client.key}"
        url = server.secured_url(self.stack.database, "callboard_reader", READER_PASSWORD, server.authority.certificate, more=own)
        query = self.stack.start_query([], DATABASE_URL=url).wait_ready()
        token = self.stack.create_token(OWNER)
        wait_for("the page", lambda: query.get(f"/api/call/batch-details/{batch}", token)[0] == 200)

    def test_ctl_by_verified_tls(self):
        right = self.stack.ctl("dead-letters", "count", "--database-url", self.writer())
        self.assertEqual(right, "")
        environment = {**os.environ, "DATABASE_URL": self.writer(other.certificate)}
        wrong = subprocess.run([os.path.join(os.environ["CALLBOARD_BIN"], "callboard-ctl"), "dead-letters", "count"], env=environment, capture_output=True, text=True)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("certificate verify failed", wrong.stderr)


if __name__ == "__main__":
    unittest.main()
