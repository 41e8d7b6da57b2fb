/** Table 4 of the paper: its "NLL" on TVQA's subtitles (validation) and on SQuAD's articles (test). */
import type { RowName } from "../rows.ts";
import type { DataKind } from "../scales.ts";

/** Figures of one row. */
export interface PaperFigures {
  readonly subtitles: number;
  readonly squad: number;
}

export const paperTable4: Readonly<Partial<Record<RowName, PaperFigures>>> = {
  "bilstm-density": { subtitles: -7.31, squad: -1.27 },
  "paper-att-c": { subtitles: 0.68, squad: -2.01 },
  "paper-rnn-c": { subtitles: 0.5, squad: -0.37 },
  "paper-att-s": { subtitles: -8.02, squad: -17.12 },
  "paper-rnn-s": { subtitles: -8.35, squad: -17.17 },
  "paper-att-ar": { subtitles: -9.62, squad: -17.12 },
  "paper-rnn-ar": { subtitles: -9.63, squad: -17.26 },
};

/** The paper's figure of a row on the data that comes nearest; null where it has none. */
export function paperFigure(model: string, kind: DataKind): number | null {
  const figures = Object.hasOwn(paperTable4, model) ? paperTable4[model as RowName] : undefined;
  return figures && kind !== "text" ? figures[kind] : null;
}

/** An ordering that the paper's table shows. */
export interface Claim {
  readonly claim: string;
  /** Whose figure is said to be lower than, or about equal to, whose. */
  readonly pairs: readonly (readonly [lower: RowName, higher: RowName])[];
  readonly relation: "below" | "equal";
}

export const claims: readonly Claim[] = [
  {
    claim: "S below C: flows over time have a lower NLL than flows over channels",
    relation: "below",
    pairs: [
      ["paper-att-s", "paper-att-c"],
      ["paper-rnn-s", "paper-rnn-c"],
    ],
  },
  {
    claim: "AR below S: autoregressive flows have a lower NLL than flows over time",
    relation: "below",
    pairs: [
      ["paper-att-ar", "paper-att-s"],
      ["paper-rnn-ar", "paper-rnn-s"],
    ],
  },
  {
    claim: "S below Bi-LSTM: flows over time have a lower NLL than the Bi-LSTM density",
    relation: "below",
    pairs: [
      ["paper-att-s", "bilstm-density"],
      ["paper-rnn-s", "bilstm-density"],
    ],
  },
  {
    claim: "RNN about equal to Att",
    relation: "equal",
    pairs: [
      ["paper-rnn-c", "paper-att-c"],
      ["paper-rnn-s", "paper-att-s"],
      ["paper-rnn-ar", "paper-att-ar"],
    ],
  },
];
