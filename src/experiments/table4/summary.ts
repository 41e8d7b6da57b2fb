/** Rows of table4.json from the results of their seeds. */
import { deviation, mean } from "../figures.ts";
import { type Failure, type Outcome } from "../pieces.ts";
import { natsPerToken, type RunResult } from "../results.ts";
import type { RowName } from "../rows.ts";
import type { DataKind } from "../scales.ts";
import { paperFigure } from "./paper.ts";

/** Ours and the paper's distance of a row to the Bi-LSTM density on the same data. */
export interface BaselineDifference {
  readonly natsPerToken: number;
  /** Null for discrete models and where the noise is another: bits per dimension then measure other points. */
  readonly bitsPerDimPaper: number | null;
  /** The paper's row less its own Bi-LSTM; null where it has none for such data. */
  readonly paper: number | null;
}

/** A mean over seeds and its standard deviation (n - 1); 0 for one seed, null where no seed has a figure. */
export interface OverSeeds {
  readonly mean: number | null;
  readonly sd: number | null;
}

/**
 * A row. The density's figures are null for discrete models, whose nelboPerToken is their exact cross-entropy. All figures
 * are of the seeds in `seeds`, each per token (or dimension) over all reported texts and then a mean over the seeds; where
 * every seed has failed they are null.
 */
export interface Table4Row {
  readonly model: string;
  readonly data: string;
  readonly preset: string | null;
  readonly parameters: number | null;
  readonly steps: number | null;
  readonly seeds: readonly number[];
  /** Seeds without figures, and why. */
  readonly failures: readonly ({ readonly seed: number } & Failure)[];
  readonly nelboPerToken: OverSeeds;
  /** (-log p(x~) + log q(x~ | w)) / n with the drawn noise's own density. */
  readonly excessOverFloorNatsPerToken: number | null;
  readonly bitsPerDim: number | null;
  readonly bitsPerDimPaper: number | null;
  /** Standard deviations of those three over the seeds. */
  readonly deviations: {
    readonly excessOverFloorNatsPerToken: number | null;
    readonly bitsPerDim: number | null;
    readonly bitsPerDimPaper: number | null;
  };
  readonly floorBitsPerDim: number | null;
  /** What the bound spends on the length, and on reading the words from the points, per token. */
  readonly lengthNatsPerToken: number | null;
  readonly decodingNatsPerToken: number | null;
  /** Of training and scoring, mean over the seeds; of the clock, and of the processor where every seed tells. */
  readonly seconds: number | null;
  readonly processorSeconds: number | null;
  /** The paper's figure; null where it has none for such data. */
  readonly paper: number | null;
  /** Null where the Bi-LSTM density is not among the rows. */
  readonly differenceToBilstm: BaselineDifference | null;
}

const baseline = "bilstm-density";

/** What became of one row of one data set, over its seeds. */
interface RowOutcomes {
  readonly model: RowName;
  readonly data: string;
  readonly results: readonly RunResult[];
  readonly failures: Table4Row["failures"];
}

function overSeeds(values: readonly number[]): OverSeeds {
  return values.length === 0 ? { mean: null, sd: null } : { mean: mean(values), sd: deviation(values) };
}

function rowOf({ model, data, results, failures }: RowOutcomes, kind: DataKind): Omit<Table4Row, "differenceToBilstm"> {
  const first = results.length > 0 ? results[0] : undefined;
  const tokens = first?.tokens.reduce((sum, count) => sum + count, 0) ?? 0;
  const densities = results.flatMap(({ density }) => density ?? []);
  const over = (of: (density: (typeof densities)[number]) => number): OverSeeds => overSeeds(densities.map(of));
  const excess = over((density) => density.excess / tokens);
  const bits = over(({ bitsPerDim }) => bitsPerDim);
  const bitsPaper = over(({ bitsPerDimPaper }) => bitsPerDimPaper);
  const processor = results.flatMap(({ processorSeconds }) => processorSeconds ?? []);
  return {
    model,
    data,
    preset: first?.preset ?? null,
    parameters: first?.parameters ?? null,
    steps: first?.steps ?? null,
    seeds: results.map(({ seed }) => seed),
    failures,
    nelboPerToken: overSeeds(results.map(natsPerToken)),
    excessOverFloorNatsPerToken: excess.mean,
    bitsPerDim: bits.mean,
    bitsPerDimPaper: bitsPaper.mean,
    deviations: { excessOverFloorNatsPerToken: excess.sd, bitsPerDim: bits.sd, bitsPerDimPaper: bitsPaper.sd },
    floorBitsPerDim: over(({ floorBitsPerDim }) => floorBitsPerDim).mean,
    lengthNatsPerToken: over(({ length }) => length / tokens).mean,
    decodingNatsPerToken: over(({ decoding }) => decoding / tokens).mean,
    seconds: overSeeds(results.map(({ seconds }) => seconds)).mean,
    processorSeconds: processor.length === results.length ? overSeeds(processor).mean : null,
    paper: paperFigure(model, kind),
  };
}

/** One row a model, in the order of the models' first outcomes; all of one data set. */
export function summarise(outcomes: readonly Outcome[], kind: DataKind): Table4Row[] {
  const own = outcomes.filter(({ piece }) => piece.kind === "row");
  const models = [...new Set(own.map(({ piece }) => piece.row))];
  const rows = models.map((model) => {
    const ofModel = own.filter(({ piece }) => piece.row === model);
    return rowOf(
      {
        model,
        data: ofModel[0].piece.data,
        results: ofModel.flatMap((one) => (one.kind === "row" ? [one.result] : [])),
        failures: ofModel.flatMap((one) => (one.kind === "failed" ? [{ seed: one.piece.seed, ...one.failure }] : [])),
      },
      kind,
    );
  });
  const base = rows.find(({ model }) => model === baseline);
  return rows.map((row) => ({ ...row, differenceToBilstm: base ? differenceTo(base, row) : null }));
}

function differenceTo(
  base: Omit<Table4Row, "differenceToBilstm">,
  row: Omit<Table4Row, "differenceToBilstm">,
): BaselineDifference | null {
  const nats = difference(row.nelboPerToken.mean, base.nelboPerToken.mean);
  if (row.model === baseline || nats === null) return null;
  const sameNoise = row.floorBitsPerDim === base.floorBitsPerDim;
  return {
    natsPerToken: nats,
    bitsPerDimPaper: sameNoise ? difference(row.bitsPerDimPaper, base.bitsPerDimPaper) : null,
    paper: difference(row.paper, base.paper),
  };
}

function difference(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a - b;
}
