"""Runs riverrun on two executor processes, kills one of them in the middle, and compares with the command line.

    python check.py --model DIR --command 'node dist/cli/main.js'

Prints one JSON line; exit code 1 where a line was lost, doubled, moved or scored differently.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)

from pyspark.sql import SparkSession

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import riverrun_spark

WORDS = "mara oskar lene carried sold found a the warm red pie boat to market home .".split()


def texts_of(count):
    """Lines of words; every 50th cannot be used."""
    lines = []
    for number in range(count):
        length = 4 + number % 9
        words = [WORDS[(number * 7 + k * (3 + number % 5)) % len(WORDS)] for k in range(length)]
        lines.append(" ".join(words) if number % 50 else "")
    return lines


def parent_of(process):
    with open(f"/proc/{process}/stat", encoding="utf-8") as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])


def executors():
    """Process ids of the executors that descend from this process."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if b"CoarseGrainedExecutorBackend" not in file.read():
                    continue
            ancestor = int(name)
            while ancestor > 1 and ancestor != os.getpid():
                ancestor = parent_of(ancestor)
            if ancestor == os.getpid():
                found.append(int(name))
        except OSError:
            continue
    return sorted(found)


def session(executor_count):
    spark = (
        SparkSession.builder.master(f"local-cluster[{executor_count},1,1024]")
        .config("spark.executor.memory", "512m")
        .config("spark.ui.enabled", "false")
        .appName("riverrun check")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")
    spark.sparkContext.addPyFile(os.path.join(HERE, "riverrun_spark.py"))
    return spark


def run(spark, lines, partitions, kill, **settings):
    """Records by line, seconds, and the executors that were killed."""
    rows = [(number, text) for number, text in enumerate(lines)]
    frame = spark.createDataFrame(spark.sparkContext.parallelize(rows, partitions), "number long, text string")
    killed = []

    def strike():
        # Once the first partitions are done, so that work of the victim is lost.
        tracker = spark.sparkContext.statusTracker()
        while not killed:
            for job in tracker.getActiveJobsIds():
                for stage in tracker.getJobInfo(job).stageIds if tracker.getJobInfo(job) else []:
                    info = tracker.getStageInfo(stage)
                    if info and info.numCompletedTasks >= 2 and executors():
                        victim = executors()[0]
                        os.kill(victim, signal.SIGKILL)
                        killed.append(victim)
                        return
            time.sleep(0.02)

    if kill:
        threading.Thread(target=strike, daemon=True).start()
    start = time.monotonic()
    found = riverrun_spark.over(spark, frame, "text", "score", **settings).collect()
    return found, time.monotonic() - start, killed


def differences(found, lines, expected):
    """What is wrong with the rows, in words."""
    if [row.number for row in found] != list(range(len(lines))):
        return ["lines are lost, doubled or moved"]
    wrong = []
    for row, record in zip(found, expected):
        if row.text != lines[row.number] or len(row.records) != 1:
            wrong.append(f"line {row.number + 1}: {len(row.records)} records")
            continue
        got = json.loads(row.records[0])
        if "error" in record or "error" in got:
            if got.get("error") != record.get("error"):
                wrong.append(f"line {row.number + 1}: {got} instead of {record}")
        elif abs(got["nelbo"] - record["nelbo"]) > 1e-4 * max(1, abs(record["nelbo"])):
            wrong.append(f"line {row.number + 1}: {got['nelbo']} instead of {record['nelbo']}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--command", default="npx riverrun")
    parser.add_argument("--lines", type=int, default=6000)
    parser.add_argument("--partitions", type=int, default=24)
    parser.add_argument("--scaling", action="store_true", help="also without a kill, on one executor and on two")
    arguments = parser.parse_args()
    command = arguments.command.split()
    lines = texts_of(arguments.lines)
    whole = subprocess.run(
        [*command, "score", "--model", arguments.model, "--threads", "1"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    expected = [json.loads(line) for line in whole.stdout.splitlines()]
    settings = {"model": arguments.model, "command": command}
    report = {"lines": len(lines), "partitions": arguments.partitions}
    spark = session(2)
    found, seconds, killed = run(spark, lines, arguments.partitions, True, **settings)
    wrong = differences(found, lines, expected)
    report |= {"executorsKilled": len(killed), "wrong": len(wrong), "secondsWithKill": round(seconds, 2)}
    if arguments.scaling:
        # The servers are warm by now, or are started in a first run that does not count.
        run(spark, lines, arguments.partitions, False, **settings)
        two = run(spark, lines, arguments.partitions, False, **settings)[1]
        spark.stop()
        spark = session(1)
        run(spark, lines, arguments.partitions, False, **settings)
        one = run(spark, lines, arguments.partitions, False, **settings)[1]
        report |= {
            "linesPerSecondOneExecutor": round(len(lines) / one),
            "linesPerSecondTwoExecutors": round(len(lines) / two),
            "scaling": round(one / two, 2),
        }
    spark.stop()
    report["differences"] = wrong[:5]
    print(json.dumps(report), flush=True)
    # A run in which nobody was killed has shown nothing.
    sys.exit(0 if not wrong and killed else 1)


if __name__ == "__main__":
    main()
