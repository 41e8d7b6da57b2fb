/** Table 4: density models on the same texts in one unit, one row a model and data set, over seeds. */
import { makeDirectory } from "../../base/atomicFile.ts";
import { UsageError } from "../../base/errors.ts";
import { dataEntropy } from "../../lm/index.ts";
import { type ExperimentData, readExperimentData } from "../data.ts";
import { writePage } from "../document.ts";
import { commandOf, type DataRecord, dataRecord, provenance } from "../record.ts";
import { type ReleasedCodeFigures, runReleasedCode } from "../releasedCode.ts";
import type { RunResult } from "../results.ts";
import { chooseRows, type Row, rowNames } from "../rows.ts";
import { type RunEnvironment, runJob, sharedFolder } from "../runs.ts";
import { prepareShared, type SharedParts } from "../shared.ts";
import { orderingsOf } from "./orderings.ts";
import { type Table4Record, table4Page } from "./page.ts";
import { summarise, type Table4Row } from "./summary.ts";

/** What `runTable4` is told. */
export interface Table4Options extends RunEnvironment {
  readonly files: readonly string[];
  /** Seeds 1 to this number. */
  readonly seeds: number;
  readonly out: string;
  /** Names of rows; all where absent. */
  readonly models?: readonly string[];
}

/** What was made of one data set. */
interface SetResults {
  readonly results: readonly RunResult[];
  readonly released: readonly ReleasedCodeFigures[];
}

/** All trainings of a data set, seed by seed, so that the first seed's rows are there first. */
async function trainSet(
  data: ExperimentData,
  shared: SharedParts,
  rows: readonly Row[],
  options: Table4Options,
): Promise<SetResults> {
  const results: RunResult[] = [];
  const released: ReleasedCodeFigures[] = [];
  for (let seed = 1; seed <= options.seeds; seed++) {
    for (const row of rows) results.push(await runJob({ row, data, seed, out: options.out }, shared, options));
    if (seed > 1) continue;
    for (const name of ["paper-att-s", "paper-att-c"] as const) {
      if (!rows.some((row) => row.name === name)) continue;
      released.push(await runReleasedCode(name, { data, seed, out: options.out }, shared, options));
    }
  }
  return { results, released };
}

function recordOf(data: ExperimentData, shared: SharedParts): DataRecord {
  const report = data.report.map((text) => shared.idsOf(text));
  return dataRecord(data, {
    tokens: report.reduce((sum, ids) => sum + ids.length, 0),
    words: shared.vocabulary.size,
    entropy: dataEntropy(data.training.map((text) => shared.idsOf(text))),
  });
}

/**
 * Trains what the table needs, skipping what is finished in `out`, and writes table4.json, .md and .html.
 *
 * @returns the rows and the files written
 * @throws UsageError for wrong names, counts or data; DataMissingError; StoppedError where it is asked to stop
 */
export async function runTable4(options: Table4Options): Promise<{ rows: readonly Table4Row[]; files: string[] }> {
  const { files, scale, seeds, out, models, log } = options;
  const began = performance.now();
  if (!Number.isInteger(seeds) || seeds < 1) throw new UsageError(`seeds: expected a positive integer, got ${seeds}`);
  const chosen = chooseRows(models, rowNames);
  const sets = await readExperimentData(files, scale);
  makeDirectory(out);
  const rows: Table4Row[] = [];
  const data: DataRecord[] = [];
  const found: (SetResults & { readonly name: string })[] = [];
  for (const set of sets) {
    log(
      `${set.name} (${set.kind}): ${set.training.length} texts to learn from, ${set.validation.length} to choose the step, ${set.report.length} to report`,
    );
    const shared = await prepareShared(set, scale, sharedFolder(set, out), options);
    const own = await trainSet(set, shared, chosen, options);
    found.push({ ...own, name: set.name });
    rows.push(...summarise(own.results, set.kind));
    data.push(recordOf(set, shared));
  }
  const chosenModels = models ? ["--models", chosen.map(({ name }) => name).join(",")] : [];
  const command = commandOf("table4", files, [
    "--scale",
    scale.name,
    "--seeds",
    seeds,
    ...chosenModels,
    "--out",
    "DIR",
  ]);
  const record: Table4Record = {
    table: 4,
    ...provenance(command, scale, options.device, began),
    data,
    shared: {
      width: scale.dimensions,
      learningRate: scale.train?.learningRate ?? null,
      steps: scale.train?.maxSteps ?? null,
    },
    rows,
    orderings: found.flatMap(({ name, results }) => orderingsOf(name, results)),
    notADensity: found.flatMap(({ released }) => released),
  };
  const results = found.flatMap((set) => set.results);
  return { rows, files: writePage(out, "table4", record, table4Page(record, results)) };
}
