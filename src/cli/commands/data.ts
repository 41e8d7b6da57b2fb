/** riverrun data list, fetch, inspect */
import type { Command } from "commander";
import type { BadRecord, InspectionReport, Overlap } from "../../corpora/index.ts";
import { integer } from "../options.ts";
import { emit, say } from "../output.ts";
import { example } from "../program.ts";

/** Adds `riverrun data`. */
export function addData(program: Command): void {
  const data = program.command("data").description("the published data sets and what is in data files");
  data
    .command("list")
    .description("the sets that fetch knows: size, terms, whether they are there")
    .option("--json", "one JSON line a set")
    .addHelpText("after", example("data list"))
    .action(list);
  data
    .command("fetch")
    .description("downloads published sets into the cache, $XDG_CACHE_HOME/riverrun/data; goes on where it was stopped")
    .argument("<names...>", "of data list")
    .option("--offline", "only says where the sets are; fails where they are not")
    .option("--attempts <n>", "failures in a row after which it gives up", integer(1), 6)
    .option("--stall-seconds <n>", "seconds without a byte after which a transfer is broken off", integer(1), 30)
    .addHelpText(
      "after",
      `\nProxies are taken from HTTPS_PROXY, HTTP_PROXY and NO_PROXY; meteor comes through pip and its settings.\n${example("data fetch squad")}`,
    )
    .action(fetchSets);
  data
    .command("inspect")
    .description("recognises data files; counts, lengths, splits, duplicates, overlaps, broken records")
    .argument("<files...>", "files, or folders of .srt files; train.ro and train.en are read as a pair")
    .option("--json", "one JSON line a file, then one an overlap")
    .option("--skip-bad", "broken records are counted, but are no failure")
    .addHelpText("after", example("data inspect train-v1.1.json dev-v1.1.json"))
    .action(inspect);
}

async function list(options: { readonly json?: boolean }): Promise<void> {
  const { dataSets, folderOf, isFetched } = await import("../../corpora/index.ts");
  const { bytesOfSet } = await import("../../corpora/fetch/registry.ts");
  const { describeBytes } = await import("../../corpora/fetch/rate.ts");
  for (const set of dataSets) {
    const { name, title, licence, citation, homepage, use } = set;
    const there = isFetched(set);
    const bytes = bytesOfSet(set);
    if (options.json) {
      await emit({ name, title, bytes, fetched: there, folder: folderOf(set), licence, citation, homepage, use });
      continue;
    }
    const size = bytes === null ? "size not stated" : `${describeBytes(bytes)} to download`;
    process.stdout.write(
      `${name}: ${title}\n  ${there ? `in ${folderOf(set)}` : size}\n  licence: ${licence}\n  cite: ${citation}\n  from: ${homepage}\n  for: ${use}\n`,
    );
  }
}

/** Progress on one line of a terminal, or a line each ten seconds elsewhere. */
class ProgressLine {
  readonly #isTerminal = process.stderr.isTTY === true;
  #file = "";
  #next = 0;
  #isOpen = false;

  show(file: string, received: number, total: number | null, describe: () => string): void {
    const now = performance.now();
    const isLast = received === total;
    if (file !== this.#file) this.#next = this.#isTerminal ? 0 : now + 10_000;
    this.#file = file;
    if (now < this.#next && !isLast) return;
    this.#next = now + (this.#isTerminal ? 200 : 10_000);
    if (this.#isTerminal) process.stderr.write(`\r\u001b[K${describe()}`);
    else say(describe());
    this.#isOpen = this.#isTerminal;
  }

  /** Ends the line, so that something else can be said. */
  end(): void {
    if (this.#isOpen) process.stderr.write("\n");
    this.#isOpen = false;
  }
}

async function fetchSets(
  names: readonly string[],
  options: { readonly offline?: boolean; readonly attempts: number; readonly stallSeconds: number },
): Promise<void> {
  const { dataSetNamed, fetchSet, isFetched } = await import("../../corpora/index.ts");
  const { describeBytes, describeSeconds, TransferRate } = await import("../../corpora/fetch/rate.ts");
  const sets = names.map(dataSetNamed);
  for (const set of sets) {
    const line = new ProgressLine();
    if (!isFetched(set) && !options.offline) {
      say(`${set.title}\nlicence: ${set.licence}\ncite: ${set.citation}\nfrom: ${set.homepage}`);
      for (const file of set.files) {
        if (file.sha256From !== undefined)
          say(`${file.name}: checked against the SHA-256 stated by ${file.sha256From}`);
      }
    }
    let rate = new TransferRate();
    let current = "";
    try {
      const fetched = await fetchSet(set, {
        ...(options.offline ? { offline: true } : {}),
        attempts: options.attempts,
        stallMs: options.stallSeconds * 1000,
        onNotice: (message) => {
          line.end();
          say(message);
        },
        onProgress: (file, received, total) => {
          if (file !== current) rate = new TransferRate();
          current = file;
          rate.add(performance.now() / 1000, received);
          line.show(file, received, total, () => {
            const left = rate.secondsLeft(total);
            const of = total === null ? "" : ` of ${describeBytes(total)}`;
            const time = left === null ? "" : `, ${describeSeconds(left)} left`;
            return `${file}: ${describeBytes(received)}${of}, ${describeBytes(Math.round(rate.bytesPerSecond))}/s${time}`;
          });
        },
      });
      line.end();
      const { licence, citation } = set;
      await emit({ ...fetched, licence, citation });
    } finally {
      line.end();
    }
  }
}

function describeReport(report: InspectionReport, formatName: string, describeBad: (bad: BadRecord) => string): string {
  const numbers = (record: Readonly<Record<string, number>>): string =>
    Object.entries(record)
      .map(([name, count]) => `${name} ${count.toLocaleString("en")}`)
      .join(", ");
  const lines = [
    [report.file, ...report.beside].join(" + "),
    `  format: ${formatName}, ${report.bytes.toLocaleString("en")} bytes`,
    `  counts: ${numbers(report.counts)}`,
  ];
  for (const [kind, summary] of Object.entries(report.lengths)) {
    lines.push(
      `  words per ${kind}: ${summary.shortest} to ${summary.longest}, median ${summary.median}, mean ${summary.mean}, 95 % up to ${summary.percentile95}`,
    );
  }
  if (Object.keys(report.splits).length > 0) lines.push(`  splits: ${numbers(report.splits)}`);
  if (Object.keys(report.duplicates).length > 0) {
    lines.push(`  duplicates${report.duplicatesAreLowerBounds ? " (at least)" : ""}: ${numbers(report.duplicates)}`);
  }
  lines.push(`  broken records: ${report.bad.count}`);
  for (const bad of report.bad.first) lines.push(`    ${describeBad(bad)}`);
  if (report.bad.count > report.bad.first.length) {
    lines.push(`    and ${report.bad.count - report.bad.first.length} more`);
  }
  return lines.join("\n");
}

function describeOverlap({ left, right, kind, count, ofLeft, ofRight }: Overlap): string {
  return `overlap: ${count.toLocaleString("en")} of ${kind} in both ${left} (${ofLeft.toLocaleString("en")}) and ${right} (${ofRight.toLocaleString("en")})`;
}

async function inspect(
  files: readonly string[],
  options: { readonly json?: boolean; readonly skipBad?: boolean },
): Promise<void> {
  const { describeBadRecord, inspectFiles } = await import("../../corpora/index.ts");
  const { requireGoodRecords } = await import("../../corpora/inspect/inspect.ts");
  const { formatNames } = await import("../../corpora/inspect/recognise.ts");
  const found = await inspectFiles(files, (file, format) => say(`reading ${file}: ${formatNames[format]}`));
  for (const report of found.reports) {
    if (options.json) await emit(report);
    else process.stdout.write(`${describeReport(report, formatNames[report.format], describeBadRecord)}\n`);
  }
  for (const overlap of found.overlaps) {
    if (options.json) await emit({ overlap });
    else process.stdout.write(`${describeOverlap(overlap)}\n`);
  }
  if (!options.skipBad) requireGoodRecords(found);
}
