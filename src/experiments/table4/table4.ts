/** Table 4: density models on the same texts in one unit, one row a model and data set, over seeds. */
import { makeDirectory } from "../../base/atomicFile.ts";
import { UsageError } from "../../base/errors.ts";
import { dataEntropy } from "../../lm/index.ts";
import { getThreads } from "../../torch/index.ts";
import { type ExperimentData, readExperimentData } from "../data.ts";
import { writePage } from "../document.ts";
import {
  doPiece,
  finishedPiece,
  nameOf,
  type Outcome,
  type Piece,
  type PreparedSet,
  piecesOf,
  type Workshop,
} from "../pieces.ts";
import { commandOf, type DataRecord, dataRecord, provenance } from "../record.ts";
import { doPiecesSideBySide } from "../rowProcesses.ts";
import { chooseRows, rowNames } from "../rows.ts";
import { type RunEnvironment, sharedFolder } from "../runs.ts";
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
  /** Trainings side by side, each in a process of its own; 1, the default: one after the other in this process. */
  readonly jobs?: number;
  /** Inside an operator of each of several processes. Default: 1. */
  readonly jobThreads?: number;
  /** Trains nothing: writes the pages from what is finished, also while another process works on the rest. */
  readonly finishedOnly?: boolean;
}

/** What `runTable4` made. */
export interface Table4 {
  readonly rows: readonly Table4Row[];
  readonly files: readonly string[];
  /** Names of the trainings that failed, with the reason. */
  readonly failures: readonly string[];
}

function recordOf(data: ExperimentData, shared: SharedParts): DataRecord {
  const report = data.report.map((text) => shared.idsOf(text));
  return dataRecord(data, {
    tokens: report.reduce((sum, ids) => sum + ids.length, 0),
    words: shared.vocabulary.size,
    entropy: dataEntropy(data.training.map((text) => shared.idsOf(text))),
  });
}

async function prepareSets(options: Table4Options): Promise<PreparedSet[]> {
  const { files, scale, out, log } = options;
  const sets: PreparedSet[] = [];
  for (const data of await readExperimentData(files, scale)) {
    log(
      `${data.name} (${data.kind}): ${data.training.length} texts to learn from, ${data.validation.length} to choose the step, ${data.report.length} to report`,
    );
    sets.push({ data, shared: await prepareShared(data, scale, sharedFolder(data, out), options) });
  }
  return sets;
}

/** What is finished is read, the rest trained; in the order of `pieces`. */
async function outcomesOf(pieces: readonly Piece[], workshop: Workshop, options: Table4Options): Promise<Outcome[]> {
  const { files, log, jobs = 1, jobThreads = 1, finishedOnly = false } = options;
  const outcomes = new Map<Piece, Outcome>();
  for (const piece of pieces) {
    const found = finishedPiece(piece, workshop);
    if (!found) continue;
    log(`${nameOf(piece)}: finished before`);
    outcomes.set(piece, found);
  }
  const left = finishedOnly ? [] : pieces.filter((piece) => !outcomes.has(piece));
  const done: Outcome[] = [];
  if (jobs > 1) done.push(...(await doPiecesSideBySide(left, workshop, { jobs, threads: jobThreads, files })));
  else {
    for (const piece of left) {
      const outcome = await doPiece(piece, workshop);
      if (outcome.kind === "failed") log(`${nameOf(piece)}: FAILED: ${outcome.failure.message}`);
      done.push(outcome);
    }
  }
  for (const outcome of done) outcomes.set(outcome.piece, outcome);
  return pieces.flatMap((piece) => outcomes.get(piece) ?? []);
}

/**
 * Trains what the table needs, skipping what is finished in `out`, and writes table4.json, .md and .html. A training that
 * fails is marked there, and the others go on.
 *
 * @throws UsageError for wrong names, counts or data; DataMissingError; StoppedError where it is asked to stop
 */
export async function runTable4(options: Table4Options): Promise<Table4> {
  const { files, scale, seeds, out, models, jobs = 1 } = options;
  const began = performance.now();
  for (const [name, value] of [
    ["seeds", seeds],
    ["jobs", jobs],
  ] as const) {
    if (!Number.isInteger(value) || value < 1)
      throw new UsageError(`${name}: expected a positive integer, got ${value}`);
  }
  const chosen = chooseRows(models, rowNames);
  makeDirectory(out);
  const sets = await prepareSets(options);
  const pieces = piecesOf(
    chosen,
    sets.map(({ data }) => data.name),
    seeds,
  );
  const outcomes = await outcomesOf(pieces, { ...options, sets }, options);
  const unfinished = pieces.filter((piece) => !outcomes.some((one) => one.piece === piece)).map(nameOf);
  if (outcomes.length === 0) throw new UsageError(`${out}: nothing is finished yet`);
  const ofSet = ({ data }: PreparedSet): Outcome[] => outcomes.filter(({ piece }) => piece.data === data.name);
  const resultsOf = (set: PreparedSet) => ofSet(set).flatMap((one) => (one.kind === "row" ? [one.result] : []));
  const rows = sets.flatMap((set) => summarise(ofSet(set), set.data.kind));
  const command = commandOf("table4", files, [
    ...["--scale", scale.name, "--seeds", seeds],
    ...(models ? ["--models", chosen.map(({ name }) => name).join(",")] : []),
    ...(jobs > 1 ? ["--jobs", jobs] : []),
    ...["--out", "DIR"],
  ]);
  const record: Table4Record = {
    table: 4,
    ...provenance(command, scale, { device: options.device, began }),
    threads: jobs > 1 ? (options.jobThreads ?? 1) : getThreads(),
    data: sets.map(({ data, shared }) => recordOf(data, shared)),
    shared: {
      width: scale.dimensions,
      learningRate: scale.train?.learningRate ?? null,
      steps: scale.train?.maxSteps ?? null,
    },
    rows,
    orderings: sets.flatMap((set) => orderingsOf(set.data.name, resultsOf(set))),
    notADensity: outcomes.flatMap((one) => (one.kind === "released" ? [one.figures] : [])),
    unfinished,
    failures: outcomes.flatMap(({ piece, ...one }) =>
      one.kind === "failed" ? [{ training: nameOf(piece), ...one.failure }] : [],
    ),
  };
  return {
    rows,
    files: writePage(out, "table4", record, table4Page(record, sets.flatMap(resultsOf))),
    failures: record.failures.map(({ training, message }) => `${training}: ${message}`),
  };
}
