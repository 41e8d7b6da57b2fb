/** Table 4: density models on the same texts in one unit, one row a model and data set, over seeds. */
import { makeDirectory } from "../../base/atomicFile.ts";
import { UsageError } from "../../base/errors.ts";
import { getThreads } from "../../torch/index.ts";
import { versions } from "../../train/versions.ts";
import { type ExperimentData, readExperimentData } from "../data.ts";
import { type Block, heading, list, paragraph, tableOf, writePage } from "../document.ts";
import { machine } from "../machine.ts";
import { type ReleasedCodeFigures, runReleasedCode } from "../releasedCode.ts";
import { natsPerToken, type RunResult } from "../results.ts";
import { chooseRows, rowNames } from "../rows.ts";
import { type RunEnvironment, runJob, sharedFolder } from "../runs.ts";
import type { Scale } from "../scales.ts";
import { prepareShared } from "../shared.ts";
import { type Ordering, orderingsOf } from "./orderings.ts";
import { paperFigure } from "./paper.ts";

/** What `runTable4` is told. */
export interface Table4Options extends Omit<RunEnvironment, "scale"> {
  readonly files: readonly string[];
  readonly scale: Scale;
  /** Seeds 1 to this number. */
  readonly seeds: number;
  readonly out: string;
  /** Names of rows; all that have a preset where absent. */
  readonly models?: readonly string[];
}

/** A row of table4.json. The density's figures are null for discrete models. */
export interface Table4Row {
  readonly model: string;
  readonly data: string;
  readonly preset: string | null;
  readonly parameters: number;
  readonly seeds: readonly number[];
  /** `sd` over the seeds (n - 1); null for one seed. */
  readonly nelboPerToken: { readonly mean: number; readonly sd: number | null };
  readonly excessOverFloorNatsPerToken: number | null;
  readonly bitsPerDim: number | null;
  readonly bitsPerDimPaper: number | null;
  readonly floorBitsPerDim: number | null;
  /** Of training and scoring, mean over the seeds. */
  readonly seconds: number;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function deviation(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}

/** One row from the results of its seeds. */
export function rowOf(results: readonly RunResult[]): Table4Row {
  const [first] = results;
  const nats = results.map(natsPerToken);
  const tokens = first.tokens.reduce((sum, count) => sum + count, 0);
  const densities = results.flatMap(({ density }) => (density ? [density] : []));
  const over = (of: (density: (typeof densities)[number]) => number): number | null =>
    densities.length === results.length ? mean(densities.map(of)) : null;
  return {
    model: first.model,
    data: first.data,
    preset: first.preset,
    parameters: first.parameters,
    seeds: results.map(({ seed }) => seed),
    nelboPerToken: { mean: mean(nats), sd: deviation(nats) },
    excessOverFloorNatsPerToken: over(({ excess }) => excess / tokens),
    bitsPerDim: over(({ bitsPerDim }) => bitsPerDim),
    bitsPerDimPaper: over(({ bitsPerDimPaper }) => bitsPerDimPaper),
    floorBitsPerDim: over(({ floorBitsPerDim }) => floorBitsPerDim),
    seconds: mean(results.map(({ seconds }) => seconds)),
  };
}

const shown = (value: number | null, digits = 3): string => (value === null ? "-" : value.toFixed(digits));

function rowsTable(rows: readonly Table4Row[], data: ExperimentData): Block {
  return tableOf(
    [
      "model",
      "nats per token",
      "sd",
      "excess over the noise",
      "bits/dim",
      "floor",
      "bits/dim (paper)",
      "paper",
      "parameters",
      "s",
    ],
    rows.map((row) => [
      row.model,
      shown(row.nelboPerToken.mean),
      shown(row.nelboPerToken.sd),
      shown(row.excessOverFloorNatsPerToken),
      shown(row.bitsPerDim),
      shown(row.floorBitsPerDim),
      shown(row.bitsPerDimPaper),
      shown(paperFigure(row.model, data.kind), 2),
      String(row.parameters),
      row.seconds.toFixed(0),
    ]),
  );
}

function evidenceOf({ claim, lower, higher, verdict, differences, tolerance }: Ordering): string {
  const figures = differences.map(
    ({ seed, difference, error }) => `seed ${seed}: ${shown(difference)} +- ${shown(error)}`,
  );
  const limit = tolerance === null ? "" : ` (equal within ${shown(tolerance)})`;
  return `${claim}. ${lower} - ${higher}: ${verdict}${limit}${figures.length > 0 ? `; nats per token, ${figures.join(", ")}` : ""}`;
}

/**
 * Trains what the table needs, skipping what is finished in `out`, and writes table4.json, .md and .html.
 *
 * @returns the rows and the files written
 * @throws UsageError for wrong names, counts or data; DataMissingError; StoppedError where it is asked to stop
 */
export async function runTable4(options: Table4Options): Promise<{ rows: Table4Row[]; files: string[] }> {
  const { files, scale, seeds, out, models, log } = options;
  if (!Number.isInteger(seeds) || seeds < 1) throw new UsageError(`seeds: expected a positive integer, got ${seeds}`);
  const chosen = chooseRows(models, rowNames);
  const sets = await readExperimentData(files, scale);
  makeDirectory(out);
  const environment: RunEnvironment = options;
  const rows: Table4Row[] = [];
  const released: ReleasedCodeFigures[] = [];
  const orderings: Ordering[] = [];
  const blocks: Block[] = [];
  for (const data of sets) {
    log(`${data.name}: ${data.training.length} texts to learn from, ${data.report.length} to report`);
    const shared = await prepareShared(data, scale, sharedFolder(data, out), options);
    const results: RunResult[] = [];
    for (let seed = 1; seed <= seeds; seed++) {
      for (const row of chosen) {
        log(`${row.name} on ${data.name}, seed ${seed}`);
        results.push(await runJob({ row, data, seed, out }, shared, environment));
      }
      for (const name of ["paper-att-s", "paper-att-c"] as const) {
        if (!chosen.some((row) => row.name === name)) continue;
        log(`${name} on ${data.name}, seed ${seed}, as the released code counts`);
        released.push(await runReleasedCode(name, { data, seed, out }, shared, environment));
      }
    }
    const own = chosen.map((row) => rowOf(results.filter(({ model }) => model === row.name)));
    const compared = orderingsOf(data.name, results).filter(({ verdict }) => verdict !== "not run");
    rows.push(...own);
    orderings.push(...compared);
    blocks.push(
      heading(data.name),
      paragraph(
        `${data.files.join(", ")}: ${data.split}; ${data.training.length} texts to learn from, ${data.report.length} reported, T = ${data.positions}, ${(100 * data.truncatedShare).toFixed(1)} % of the reported texts cut.`,
      ),
      rowsTable(own, data),
    );
    if (compared.length > 0)
      blocks.push(paragraph("Orderings of the paper, in an honest unit:"), list(compared.map(evidenceOf)));
  }
  if (released.length > 0) {
    const names = [
      "model",
      "data",
      "seed",
      "releasedCode",
      "countedOnce",
      "doubleCount",
      "floor",
      "bitsPerDim",
    ] as const;
    blocks.push(
      heading("Not a density"),
      paragraph(
        "Att-S and Att-C trained and counted as the released code does it: the first block's output is scored by a prior and passed on, so it counts twice. These figures are no likelihoods.",
      ),
      tableOf(
        names,
        released.map((figures) =>
          names.map((name) =>
            typeof figures[name] === "number" && name !== "seed" ? shown(figures[name]) : String(figures[name]),
          ),
        ),
      ),
    );
  }
  const record = {
    scale: scale.name,
    seeds,
    machine: machine(),
    threads: getThreads(),
    versions: versions(),
    rows,
    orderings,
    notADensity: released,
  };
  const lead = `Scale ${scale.name}, ${seeds} seed${seeds === 1 ? "" : "s"}, ${machine()}, ${getThreads()} threads. Nats per token is an upper bound of a flow's negative log-likelihood and the exact cross-entropy of the discrete models, all on the same tokens; lower is better. The paper's column is its own figure on its own data, for the orderings only.`;
  return { rows, files: writePage(out, "table4", record, { title: "Table 4: density models", lead, blocks }) };
}
