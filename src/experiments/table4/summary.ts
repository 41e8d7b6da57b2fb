/** Rows of table4.json from the results of their seeds. */
import { deviation, mean } from "../figures.ts";
import { natsPerToken, type RunResult } from "../results.ts";
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

/** A row. The density's figures are null for discrete models, whose nelboPerToken is their exact cross-entropy. */
export interface Table4Row {
  readonly model: string;
  readonly data: string;
  readonly preset: string | null;
  readonly parameters: number;
  readonly steps: number;
  readonly seeds: readonly number[];
  /** `sd` over the seeds (n - 1); 0 for one seed. */
  readonly nelboPerToken: { readonly mean: number; readonly sd: number };
  /** (-log p(x~) + log q(x~ | w)) / n with the drawn noise's own density. */
  readonly excessOverFloorNatsPerToken: number | null;
  readonly bitsPerDim: number | null;
  readonly bitsPerDimPaper: number | null;
  readonly floorBitsPerDim: number | null;
  /** What the bound spends on the length, and on reading the words from the points, per token. */
  readonly lengthNatsPerToken: number | null;
  readonly decodingNatsPerToken: number | null;
  /** Of training and scoring, mean over the seeds. */
  readonly seconds: number;
  /** The paper's figure; null where it has none for such data. */
  readonly paper: number | null;
  /** Null where the Bi-LSTM density is not among the rows. */
  readonly differenceToBilstm: BaselineDifference | null;
}

const baseline = "bilstm-density";

function rowOf(results: readonly RunResult[], kind: DataKind): Omit<Table4Row, "differenceToBilstm"> {
  const [first] = results;
  const nats = results.map(natsPerToken);
  const tokens = first.tokens.reduce((sum, count) => sum + count, 0);
  const densities = results.flatMap(({ density }) => density ?? []);
  const over = (of: (density: (typeof densities)[number]) => number): number | null =>
    densities.length > 0 ? mean(densities.map(of)) : null;
  return {
    model: first.model,
    data: first.data,
    preset: first.preset,
    parameters: first.parameters,
    steps: first.steps,
    seeds: results.map(({ seed }) => seed),
    nelboPerToken: { mean: mean(nats), sd: deviation(nats) },
    excessOverFloorNatsPerToken: over(({ excess }) => excess / tokens),
    bitsPerDim: over(({ bitsPerDim }) => bitsPerDim),
    bitsPerDimPaper: over(({ bitsPerDimPaper }) => bitsPerDimPaper),
    floorBitsPerDim: over(({ floorBitsPerDim }) => floorBitsPerDim),
    lengthNatsPerToken: over(({ length }) => length / tokens),
    decodingNatsPerToken: over(({ decoding }) => decoding / tokens),
    seconds: mean(results.map(({ seconds }) => seconds)),
    paper: paperFigure(first.model, kind),
  };
}

/** One row a model, in the order of the models' first results; all of one data set. */
export function summarise(results: readonly RunResult[], kind: DataKind): Table4Row[] {
  const models = [...new Set(results.map(({ model }) => model))];
  const rows = models.map((model) =>
    rowOf(
      results.filter((result) => result.model === model),
      kind,
    ),
  );
  const base = rows.find(({ model }) => model === baseline);
  return rows.map((row) => ({
    ...row,
    differenceToBilstm:
      base && row.model !== baseline
        ? {
            natsPerToken: row.nelboPerToken.mean - base.nelboPerToken.mean,
            bitsPerDimPaper:
              row.floorBitsPerDim === base.floorBitsPerDim
                ? difference(row.bitsPerDimPaper, base.bitsPerDimPaper)
                : null,
            paper: difference(row.paper, base.paper),
          }
        : null,
  }));
}

function difference(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a - b;
}
