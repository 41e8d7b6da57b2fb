"""riverrun over a corpus on Apache Spark: one warm model an executor core, no line lost or doubled.

Each Python worker of Spark (one for every core that runs a task) starts ``riverrun serve`` once and keeps it for all the
partitions it gets; the server ends with its worker, however that dies. A partition is a pure function of its texts:
records depend on text, seed and fields alone, so that Spark may compute it twice and take either result.

    import riverrun_spark as riverrun
    scored = riverrun.over(spark, frame, "text", "score", model="runs/lines")
"""

import atexit
import http.client
import json
import os
import subprocess
import time

from pyspark.sql.types import ArrayType, StringType, StructField, StructType

#: Operations that take texts, with their fields.
OPERATIONS = ("score", "perturb", "reconstruct", "encode")

#: Times that a batch is sent to a new server where the old one died, before the task fails and Spark takes over.
_ATTEMPTS = 3
#: Texts, or samples, that one request may have.
_MOST_ITEMS = 256

_servers = {}


class Server:
    """A ``riverrun serve`` of this process and a connection to it."""

    def __init__(self, command, model, threads):
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen(
            [*command, "serve", model, "--port", "0", "--threads", str(threads), "--stop-with-stdin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            raise RuntimeError(f"{' '.join(command)} serve {model} ended with code {code}; its message is on stderr")
        address = json.loads(line)
        self.connection = http.client.HTTPConnection(address["host"], address["port"], timeout=600)

    def call(self, operation, fields):
        """Records of one request; waits where the server has no room."""
        body = json.dumps(fields)
        while True:
            self.connection.request("POST", f"/{operation}", body, {"Content-Type": "application/json"})
            response = self.connection.getresponse()
            answer = json.loads(response.read())
            if response.status == 200:
                return answer["records"]
            if response.status != 503:
                raise ValueError(f"/{operation}: {response.status}: {answer['error']}")
            time.sleep(float(response.headers.get("Retry-After", 1)))

    def close(self):
        """Ends the server by the end of its stdin."""
        self.connection.close()
        self.process.stdin.close()
        self.process.wait()


def _call(settings, operation, fields):
    """`Server.call` on this process's server, which is started where it is missing or has died."""
    for attempt in range(_ATTEMPTS):
        server = _servers.get(settings)
        if server is None:
            server = _servers[settings] = Server(*settings)
            atexit.register(server.close)
        try:
            return server.call(operation, fields)
        except (OSError, http.client.HTTPException) as error:
            del _servers[settings]
            atexit.unregister(server.close)
            server.process.kill()
            server.process.wait()
            if attempt + 1 == _ATTEMPTS:
                raise RuntimeError(f"riverrun serve died {_ATTEMPTS} times on the same texts") from error


def _records(settings, operation, fields, texts):
    """Lists of records, as JSON, one a text. Raises where a text would have none."""
    named = [{"text": text if text is not None else "", "id": place} for place, text in enumerate(texts)]
    found = [[] for _ in texts]
    for record in _call(settings, operation, {**fields, "texts": named}):
        # The place in a batch means nothing to whoever reads the record.
        place = record.pop("id")
        record.pop("line", None)
        found[place].append(json.dumps(record, ensure_ascii=False))
    missing = sum(1 for records in found if not records)
    if missing:
        raise RuntimeError(f"riverrun answered without a record for {missing} of {len(texts)} texts")
    return found


def _batches(rows, size):
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def over(spark, frame, column, operation, *, model, command=("npx", "riverrun"), threads=1, batch=64, **fields):
    """The frame with one more column, ``records``: what riverrun says of each text, an array of JSON strings.

    A text that cannot be used (empty, say) has one record ``{"error": ...}``; NULL counts as empty. Rows and their order
    within a partition stay as they are.

    column: name of the column of texts.
    operation: one of OPERATIONS; ``fields`` are its fields (docs/serve.md), such as ``variants=3``.
    model: folder of the model, the same path on every executor (a shared disk, or files that came with the job).
    command: how riverrun is started on an executor.
    threads: inside a model; the cores of a task (``spark.task.cpus``).
    batch: texts in one request, at most 256.
    """
    if operation not in OPERATIONS:
        raise ValueError(f"operation: expected one of {', '.join(OPERATIONS)}, got {operation!r}")
    if not 1 <= batch <= _MOST_ITEMS:
        raise ValueError(f"batch: expected 1 to {_MOST_ITEMS}, got {batch}")
    place = frame.columns.index(column)
    settings = (tuple(command), model, threads)

    def compute(rows):
        for part in _batches(rows, batch):
            found = _records(settings, operation, fields, [row[place] for row in part])
            for row, records in zip(part, found):
                yield (*row, records)

    schema = StructType([*frame.schema.fields, StructField("records", ArrayType(StringType(), False), False)])
    return spark.createDataFrame(frame.rdd.mapPartitions(compute, preservesPartitioning=True), schema)


def sample(spark, count, *, model, seed=1, partitions=None, command=("npx", "riverrun"), threads=1, **fields):
    """A frame of ``count`` new texts with their seeds, ``seed`` and up; each can be made again alone by its seed."""
    settings = (tuple(command), model, threads)
    parts = [(start, min(_MOST_ITEMS, count - start)) for start in range(0, count, _MOST_ITEMS)]

    def compute(part):
        start, size = part
        records = _call(settings, "sample", {**fields, "count": size, "seed": seed + start})
        if len(records) != size:
            raise RuntimeError(f"riverrun drew {len(records)} of {size} samples")
        return [(record["text"], record["seed"]) for record in records]

    rows = spark.sparkContext.parallelize(parts, partitions or len(parts)).flatMap(compute)
    return spark.createDataFrame(rows, "text string, seed long")
