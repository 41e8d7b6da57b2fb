"""Text files in, JSON lines out, by spark-submit:

    spark-submit --py-files riverrun_spark.py job.py score --model DIR --input 'texts/*.txt' --output scores
    spark-submit --py-files riverrun_spark.py job.py perturb --model DIR --input a.txt --output b --set variants=3

Input is one text a line, or JSON lines with ``text`` under --jsonl. Every line of the output is a record with the number
of its line in the whole input, from 1 (``line``), in the input's order. Nothing is at --output until all is there.
"""

import argparse
import json

from pyspark.sql import SparkSession

import riverrun_spark


def setting(text):
    """``key=value``, the value as JSON where it is."""
    key, _, value = text.partition("=")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def text_of(line):
    """The ``text`` of a JSON line; None, which counts as empty, where there is none."""
    try:
        record = json.loads(line)
    except json.JSONDecodeError:
        return None
    text = record.get("text") if isinstance(record, dict) else None
    return text if isinstance(text, str) else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("operation", choices=riverrun_spark.OPERATIONS)
    parser.add_argument("--model", required=True)
    parser.add_argument("--input", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--jsonl", action="store_true")
    parser.add_argument("--partitions", type=int, help="at least this many")
    parser.add_argument("--command", default="npx riverrun", help="how riverrun is started on an executor")
    parser.add_argument("--set", action="append", type=setting, default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    spark = SparkSession.builder.appName(f"riverrun {arguments.operation}").getOrCreate()
    lines = spark.sparkContext.textFile(arguments.input, arguments.partitions or spark.sparkContext.defaultParallelism)
    if arguments.jsonl:
        lines = lines.map(text_of)
    frame = spark.createDataFrame(lines.zipWithIndex(), "text string, place long")
    found = riverrun_spark.over(
        spark,
        frame,
        "text",
        arguments.operation,
        model=arguments.model,
        command=arguments.command.split(),
        **dict(arguments.set),
    )

    def written(row):
        return [json.dumps({"line": row.place + 1, **json.loads(record)}, ensure_ascii=False) for record in row.records]

    found.rdd.flatMap(written).saveAsTextFile(arguments.output)
    spark.stop()


if __name__ == "__main__":
    main()
