"""One PostgreSQL and one Apache Kafka for all test cases of a run: started when first asked for, removed at exit."""
import atexit
import functools
import unittest
import uuid

import kafka as kafka_support
from postgres import Postgres
from stack import Stack


@functools.lru_cache(maxsize=None)
def shared_postgres():
    server = Postgres()
    server.start()
    atexit.register(server.remove)
    return server


@functools.lru_cache(maxsize=None)
def shared_kafka():
    if not kafka_support.is_available():
        return None
    broker = kafka_support.Kafka()
    broker.start()
    atexit.register(broker.remove)
    return broker


def new_stack(partitions=3, server=None):
    """A Stack on the shared servers (or on a PostgreSQL of the caller's), with three topics of its own."""
    broker = shared_kafka()
    if broker is None:
        raise unittest.SkipTest("no Apache Kafka can be had here")
    prefix = "t" + uuid.uuid4().hex[:8]
    topics = [f"{prefix}.batches", f"{prefix}.calls", f"{prefix}.phone-logs"]
    broker.create_topics({topic: partitions for topic in topics})
    return Stack(server or shared_postgres(), broker.address, topics)
