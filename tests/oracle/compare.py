"""Compares the service with the oracle, request by request, and shrinks what differs.

    run = Run(seed=7, requests=2000)
    run.prepare(service)          # feeds random batches and finds out which features are there
    run.compare(service)          # None, or a Difference made as small as possible; run.compared counts
"""
import copy
import random
import re
from dataclasses import dataclass, replace

import generate
from answers import Answer, Unsupported
from service import cursors, difference

REQUESTS_PER_BATCH = 500
FEATURES = {"filter": "filter=%7B%7D", "search": "search=a", "sort": "sortBy=_id"}
MOST_ATTEMPTS = 400  # of shrinking a batch: each is a batch of its own


@dataclass
class Difference:
    seed: int
    number: int
    batch: generate.BatchSpec
    query: str
    cause: str
    expected: Answer
    status: int
    body: bytes

    def __str__(self):
        events = "\n".join(self.batch.events())
        wanted = self.expected.head.decode() if self.expected.head is not None else f"an error: {self.expected.reason}"
        return (f"seed {self.seed}, request {self.number}: {self.cause}\n"
                f"GET /api/call/batch-details/{self.batch.batch_id}?{self.query}\n"
                f"  decoded:  {generate.urllib.parse.unquote_plus(self.query)}\n"
                f"  expected: {self.expected.status} {wanted}\n"
                f"  found:    {self.status} {self.body.decode(errors='replace')}\n"
                f"  the batch's events:\n{events}")


class Run:
    def __init__(self, seed, requests):
        self.seed = seed
        self.requests = requests
        self.rng = random.Random(seed)
        self.batches = []
        self.kinds = []
        self.with_cursors = False
        self.compared = self.rows_some = self.by_cursor = self.refused = 0

    def missing(self):
        """The features that are not there yet."""
        return [kind for kind in FEATURES if kind not in self.kinds] + ([] if self.with_cursors else ["cursor"])

    def prepare(self, service):
        sizes = [0, 1, 2] + [self.rng.choice([10, 20, 40, 60]) for _ in range(max(4, self.requests // REQUESTS_PER_BATCH))]
        self.batches = [generate.make_batch(self.rng, size) for size in sizes]
        service.feed(self.batches)
        self.kinds = [kind for kind, query in FEATURES.items() if service.is_supported(query)]
        largest = max(self.batches, key=lambda batch: len(batch.calls))
        self.with_cursors = cursors(service.ask(largest.batch_id, "limit=1")[1])[0] is not None

    def compare(self, service):
        weights = [2 + len(batch.calls) for batch in self.batches]
        while self.compared < self.requests:
            batch = self.rng.choices(self.batches, weights)[0]
            request = generate.make_request(self.rng, batch, self.kinds)
            query = generate.encode(request, self.rng)
            found = self.check(service, batch, query)
            if found:
                return Shrinker(self, service, found).shrink(request)
            self.compared += 1
        return None

    def check(self, service, batch, query):
        """None, or the Difference."""
        expected = service.oracle.answer(batch.batch_id, query)
        status, body = service.ask(batch.batch_id, query)
        cause = difference(expected, status, body, self.with_cursors)
        if cause:
            return Difference(self.seed, self.compared, batch, query, cause, expected, status, body)
        self.count(expected, batch)
        if self.with_cursors and status == 200 and self.rng.random() < 0.3:
            return self.follow(service, batch, query, body)
        return None

    def count(self, expected, batch):
        """What was met: without these a run that agrees may have tried nothing."""
        self.refused += expected.status == 400
        if expected.status == 200:
            self.rows_some += 0 < int(re.search(rb'"total":(\d+)', expected.head).group(1)) < len(batch.calls)

    def follow(self, service, batch, query, body):
        """A cursor leads to what the page beside has."""
        parts = [part for part in query.split("&") if part.partition("=")[0] not in ("page", "cursor")]
        page = int(re.search(rb'"page":(\d+)', body).group(1))
        for cursor, beside in zip(cursors(body), (page + 1, page - 1)):
            if cursor is None:
                continue
            by_cursor = "&".join(parts + [f"cursor={generate.quote(cursor)}"])
            expected = service.oracle.answer(batch.batch_id, "&".join(parts + [f"page={max(beside, 1)}"]))
            status, found = service.ask(batch.batch_id, by_cursor)
            self.by_cursor += 1
            cause = difference(expected, status, found, True)
            if cause:
                return Difference(self.seed, self.compared, batch, by_cursor, f"by the cursor of {query}: {cause}", expected, status, found)
        return None


class Shrinker:
    """Makes a difference smaller as long as there still is one: first the request, then the batch."""

    def __init__(self, run, service, found):
        self.run = run
        self.service = service
        self.found = found
        self.attempts = 0

    def shrink(self, request):
        if re.search("cursor=[^&]", self.found.query):
            # The cursor belongs to the request as it is; the page that it leads to may be wrong without it.
            request = {**request, "page": re.search(rb'"page":(\d+)', self.found.expected.head).group(1).decode()}
        request = self.shrink_request(request)
        if request is not None:
            self.shrink_batch(request)
        return self.found

    def differs(self, batch, request):
        query = generate.encode(request)
        try:
            expected = self.service.oracle.answer(batch.batch_id, query)
        except Unsupported:
            return False
        status, body = self.service.ask(batch.batch_id, query)
        cause = difference(expected, status, body, self.run.with_cursors)
        if (expected.status, status) != (self.found.expected.status, self.found.status):
            return False  # another difference, if any
        if cause:
            self.found = replace(self.found, batch=batch, query=query, cause=cause, expected=expected, status=status, body=body)
        return bool(cause)

    def shrink_request(self, request):
        """The smallest request that still differs; None where the plain encoding of it does not."""
        if not self.differs(self.found.batch, request):
            return None
        candidates = smaller_requests(request)
        while (candidate := next(candidates, None)) is not None:
            if self.differs(self.found.batch, candidate):
                request = candidate
                candidates = smaller_requests(request)
        return request

    def shrink_batch(self, request):
        batch = self.found.batch
        candidates = smaller_batches(batch)
        while (candidate := next(candidates, None)) is not None and self.attempts < MOST_ATTEMPTS:
            self.attempts += 1
            candidate = replace(candidate, batch_id=generate.random_id(self.run.rng), name=f"smaller {self.attempts}")
            self.service.feed([candidate])
            if self.differs(candidate, request):
                batch = candidate
                candidates = smaller_batches(batch)


def smaller_requests(request):
    """Requests with one thing less. Beside a page a small limit is less than none, so that few calls make the page."""
    for name in request:
        if name != "limit" or "page" not in request:
            yield {other: value for other, value in request.items() if other != name}
    for name, least in (("limit", "1"), ("limit", "2"), ("page", "2")):
        if name in request and request[name] not in ("1", least) or name == "limit" and name not in request and "page" in request:
            yield {**request, name: least}
    if isinstance(request.get("filter"), dict):
        for tree in smaller_filters(request["filter"]):
            yield {**request, "filter": tree}
    for name in ("sortBy", "search"):
        if len(request.get(name, "")) > 1:
            yield {**request, name: request[name][1:]}
            yield {**request, name: request[name][:-1]}


def smaller_filters(tree):
    """Filters with a member, an operator, an element or a level less."""
    if isinstance(tree, list):
        for at in range(len(tree)):
            yield tree[:at] + tree[at + 1:]
            yield from (tree[:at] + [item] + tree[at + 1:] for item in smaller_filters(tree[at]))
    elif isinstance(tree, dict):
        for name, value in tree.items():
            yield {other: kept for other, kept in tree.items() if other != name}
            if name in ("$and", "$or", "$nor") and isinstance(value, list):
                yield from (item for item in value if isinstance(item, dict))
            if name == "$not" and isinstance(value, dict):
                yield value
            yield from ({**tree, name: item} for item in smaller_filters(value))


def without(items, start, count):
    return items[:start] + items[start + count:]


def smaller_batches(batch):
    """Batches with some calls less, or one attempt, field or other member of a call less."""
    size = len(batch.calls) // 2
    while size:
        for start in range(0, len(batch.calls), size):
            yield replace(batch, calls=without(batch.calls, start, size))
        size //= 2
    for at, call in enumerate(batch.calls):
        for smaller in smaller_calls(call):
            yield replace(batch, calls=[*batch.calls[:at], smaller, *batch.calls[at + 1:]])


def smaller_calls(call):
    for number in call.attempts:
        yield replace(call, attempts={other: members for other, members in call.attempts.items() if other != number})
    if call.fields:
        half = (len(call.fields) + 1) // 2
        yield replace(call, fields=call.fields[half:])
        yield replace(call, fields=call.fields[:half])
        yield from (replace(call, fields=without(call.fields, at, 1)) for at in range(len(call.fields)))
    yield from (replace(call, **{name: None}) for name in ("phone", "created") if getattr(call, name) is not None)
    for number, members in call.attempts.items():
        for name in members:
            smaller = copy.deepcopy(call)
            del smaller.attempts[number][name]
            yield smaller
