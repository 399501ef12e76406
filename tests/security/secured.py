"""An Apache Kafka and a PostgreSQL that ask for TLS and passwords."""
import hashlib
import os
import shutil
import socket
import struct
import tempfile

import kafka as kafka_support
from certificates import Authority
from postgres import Postgres, free_port

ALTER_SCRAM = 51
SHA_512, ITERATIONS = 2, 4096
PLAIN_USER, PLAIN_PASSWORD = "callboard", "plain secret"
SCRAM_USER = "dialer"


class SecuredKafka:
    """Listeners: one without protection (for the dialer), TLS, TLS with client certificates, and SASL over TLS."""

    def __init__(self, folder):
        self.authority = Authority(folder, "kafka-ca")
        server = self.authority.issue("kafka", "DNS:localhost")
        self.client = self.authority.issue("kafka-client", "DNS:callboard")
        names = ("plaintext", "tls", "mutual", "sasl", "controller")
        self.ports = {name: free_port() for name in names}
        listeners = {name.upper(): f"{name.upper()}://localhost:{port}" for name, port in self.ports.items()}
        self.node = kafka_support.Kafka({
            "listeners": ",".join(listeners.values()),
            "advertised.listeners": ",".join(address for name, address in listeners.items() if name != "CONTROLLER"),
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,TLS:SSL,MUTUAL:SSL,SASL:SASL_SSL",
            "ssl.keystore.type": "PEM", "ssl.keystore.location": server.pem,
            "ssl.truststore.type": "PEM", "ssl.truststore.location": self.authority.certificate,
            "listener.name.mutual.ssl.client.auth": "required",
            "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            "listener.name.sasl.plain.sasl.jaas.config":
                f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{PLAIN_USER}="{PLAIN_PASSWORD}";',
            "listener.name.sasl.scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
        })
        self.node.prepare("controller-port", self.ports["controller"])
        self.node.port = self.ports["plaintext"]
        self.node.start()

    def address(self, listener):
        return f"localhost:{self.ports[listener]}"

    def set_scram_password(self, user, password):
        """AlterUserScramCredentials, version 0 (https://kafka.apache.org/protocol); the salting is RFC 5802's."""
        salt = os.urandom(16)
        salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
        body = (compact(()) + compact([text(user) + struct.pack(">bi", SHA_512, ITERATIONS) + text(salt) + text(salted) + b"\0"]) + b"\0")
        header = struct.pack(">hhih", ALTER_SCRAM, 0, 1, -1) + b"\0"
        with socket.create_connection(("127.0.0.1", self.ports["plaintext"]), timeout=30) as connection:
            connection.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
            size, = struct.unpack(">i", connection.recv(4, socket.MSG_WAITALL))
            answer = connection.recv(size, socket.MSG_WAITALL)
        # Correlation, tags, throttle time, an array of one: (user, error code, ...).
        code, = struct.unpack_from(">h", answer, 4 + 1 + 4 + 1 + 1 + len(user))
        if code != 0:
            raise kafka_support.KafkaError(f"SCRAM of {user}: error {code}")

    def remove(self):
        self.node.remove()


def compact(items):
    return bytes([len(items) + 1]) + b"".join(items)


def text(value):
    encoded = value.encode() if isinstance(value, str) else value
    return bytes([len(encoded) + 1]) + encoded


PG_HBA = """
local   all all trust
host    all postgres 127.0.0.1/32 trust
hostnossl all all 127.0.0.1/32 reject
hostssl all callboard_writer 127.0.0.1/32 scram-sha-256
hostssl all callboard_reader 127.0.0.1/32 scram-sha-256 clientcert=verify-ca
"""


class SecuredPostgres(Postgres):
    """The services must come by TLS and with a password, the reader with a certificate besides."""

    def __init__(self, folder):
        self.authority = Authority(folder, "postgres-ca")
        self.server_certificate = self.authority.issue("postgres", "DNS:localhost")
        self.client = self.authority.issue("postgres-client", "DNS:callboard")
        super().__init__(settings={"ssl": "on", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key", "ssl_ca_file": "ca.crt"})

    def _create(self):
        super()._create()
        for source, name in ((self.server_certificate.certificate, "server.crt"), (self.server_certificate.key, "server.key"),
                             (self.authority.certificate, "ca.crt")):
            self._give(source, name)
        with open(os.path.join(self.data_dir, "pg_hba.conf"), "w") as out:
            out.write(PG_HBA)

    def _give(self, source, name):
        path = os.path.join(self.data_dir, name)
        shutil.copyfile(source, path)
        os.chmod(path, 0o600)
        owner = os.stat(self.data_dir)
        os.chown(path, owner.st_uid, owner.st_gid)

    def secured_url(self, database, user, password, root, host="localhost", more=""):
        return f"postgresql://{user}:{password}@{host}:{self.port}/{database}?sslmode=verify-full&sslrootcert={root}{more}"


def new_folder():
    return tempfile.mkdtemp(prefix="callboard-security-")
