/** Table 4 as a page. */
import { type Block, heading, list, type Page, paragraph, tableOf } from "../document.ts";
import { duration, shown, signed, withDeviation } from "../figures.ts";
import type { Failure } from "../pieces.ts";
import { type DataRecord, describeData, describeProvenance, type Provenance } from "../record.ts";
import type { ReleasedCodeFigures } from "../releasedCode.ts";
import type { RunResult } from "../results.ts";
import { rowNamed } from "../rows.ts";
import { equalShare, type Ordering } from "./orderings.ts";
import { curvesPlot, natsPlot, partsPlot } from "./plots.ts";
import type { Table4Row } from "./summary.ts";

/** Everything that the page shows; also what table4.json holds, but for the results of single trainings. */
export interface Table4Record extends Provenance {
  readonly table: 4;
  readonly data: readonly DataRecord[];
  /** Of all flow rows; null where every preset has its own. */
  readonly shared: { readonly width: number; readonly learningRate: number | null; readonly steps: number | null };
  readonly rows: readonly Table4Row[];
  readonly orderings: readonly Ordering[];
  readonly notADensity: readonly ReleasedCodeFigures[];
  /** Names of the trainings that had not been done when the page was written. */
  readonly unfinished: readonly string[];
  /** Trainings without figures. */
  readonly failures: readonly ({ readonly training: string } & Failure)[];
}

/** What stands in the place of figures that there are not. */
function failedWord({ failures }: Table4Row): string {
  return failures.some(({ belowFloor }) => belowFloor) ? "below the floor: no density" : "failed";
}

/** The trainings without figures; nothing where there are none. */
function failed(rows: readonly Table4Row[], failures: Table4Record["failures"]): Block[] {
  if (failures.length === 0) return [];
  const partly = rows.filter((row) => row.failures.length > 0 && row.seeds.length > 0).map(({ model }) => model);
  const rest =
    partly.length > 0 ? ` The figures of ${[...new Set(partly)].join(", ")} are those of the other seeds.` : "";
  return [
    heading("Failed"),
    paragraph(`These trainings have no figures.${rest} The same command tries them again.`),
    list(failures.map(({ training, message }) => `${training}: ${message}`)),
  ];
}

function figuresTable(rows: readonly Table4Row[]): Block {
  const several = rows.some(({ seeds }) => seeds.length > 1);
  return tableOf(
    [
      "model",
      `nats per token${several ? " (mean ± sd)" : ""}`,
      "above the noise",
      "bits/dim",
      "its floor",
      "bits/dim as eq. 6",
      ...(several ? ["seeds"] : []),
      "parameters",
      "steps",
      "time",
      "of a processor",
    ],
    rows.map((row) => {
      const sd = several ? row.deviations : null;
      return [
        row.model,
        row.seeds.length === 0
          ? failedWord(row)
          : withDeviation(row.nelboPerToken.mean, several ? row.nelboPerToken.sd : null),
        withDeviation(row.excessOverFloorNatsPerToken, sd?.excessOverFloorNatsPerToken),
        withDeviation(row.bitsPerDim, sd?.bitsPerDim),
        shown(row.floorBitsPerDim),
        withDeviation(row.bitsPerDimPaper, sd?.bitsPerDimPaper),
        ...(several ? [row.seeds.join(", ")] : []),
        row.parameters === null ? "-" : String(row.parameters),
        row.steps === null ? "-" : String(row.steps),
        row.seconds === null ? "-" : duration(row.seconds),
        row.processorSeconds === null ? "-" : duration(row.processorSeconds),
      ];
    }),
  );
}

/** Our differences beside the paper's; nothing where no row has both. */
function differences(rows: readonly Table4Row[], { name }: DataRecord): Block[] {
  const own = rows.filter(({ differenceToBilstm }) => differenceToBilstm !== null);
  if (own.length === 0) return [];
  return [
    paragraph(
      `Differences to the Bi-LSTM density on ${name}, beside the paper's differences to its own Bi-LSTM. The paper's normaliser cannot be identified from what it states (on SQuAD its figures lie below the entropy of its own noise), so only signs and order can be compared, not sizes.`,
    ),
    tableOf(
      ["model", "ours, nats per token", "ours, bits/dim as eq. 6", "paper", "paper's own figure"],
      own.map(({ model, differenceToBilstm, paper }) => [
        model,
        signed(differenceToBilstm?.natsPerToken ?? null),
        signed(differenceToBilstm?.bitsPerDimPaper ?? null),
        signed(differenceToBilstm?.paper ?? null, 2),
        shown(paper, 2),
      ]),
    ),
  ];
}

function orderingsTable(orderings: readonly Ordering[]): Block[] {
  const tried = orderings.filter(({ verdict }) => verdict !== "not run");
  if (tried.length === 0) return [];
  const evidence = ({ differences: found, tolerance }: Ordering): string => {
    const each = found.map(({ seed, difference, error }) => `seed ${seed}: ${signed(difference)} ± ${shown(error)}`);
    return `${each.join("; ")}${tolerance === null ? "" : ` (equal within ${shown(tolerance)})`}`;
  };
  return [
    heading("The paper's orderings in an honest unit"),
    paragraph(
      `Evidence is the difference in nats per token on the same texts, with its standard error over them. "Below" holds (or does not hold) where the difference of every seed is more than two standard errors below (above) 0, else it is undecided; "about equal" holds where the mean difference is at most ${100 * equalShare} % of the distance between the best and the worst of the paper's rows. Orderings are reported, not aimed at: an honest density need not show the paper's.`,
    ),
    tableOf(
      ["the paper's claim", "data", "pair", "verdict", "difference of the pair"],
      tried.map((one) => [one.claim, one.data, `${one.lower} - ${one.higher}`, one.verdict, evidence(one)]),
    ),
  ];
}

function notADensity(figures: readonly ReleasedCodeFigures[]): Block[] {
  if (figures.length === 0) return [];
  const sets = [...new Set(figures.map(({ data }) => data))];
  const compared = sets.flatMap((data) => {
    const of = (model: string): ReleasedCodeFigures | undefined =>
      figures.find((one) => one.data === data && one.model === model);
    const [s, c] = [of("paper-att-s"), of("paper-att-c")];
    if (!s || !c) return [];
    const order = (a: number, b: number): string => (a < b ? "S below C" : "C below S");
    return [
      `On ${data}, by the released code's counting: ${order(s.releasedCode, c.releasedCode)} (${shown(s.releasedCode)} and ${shown(c.releasedCode)}); the same two models with block 1 counted once: ${order(s.countedOnce, c.countedOnce)} (${shown(s.countedOnce)} and ${shown(c.countedOnce)}).`,
    ];
  });
  return [
    heading("Not a density"),
    paragraph(
      "Att-S and Att-C trained and counted as the paper's released code does it, seed 1 alone: layout `wide`, the whole output of block 1 scored under a prior of its own and passed on, so that log p counts block 1 twice; nats of all T positions divided by the channels of one, D ln 2. The noise is kept, so that the floor means something. These figures are no likelihoods and compare with nothing else on this page.",
    ),
    tableOf(
      [
        "model",
        "data",
        "as the code counts",
        "block 1 counted once",
        "the second count",
        "floor of a density",
        "nats per token above the noise, counted once",
      ],
      figures.map((one) => [
        one.model,
        one.data,
        shown(one.releasedCode),
        shown(one.countedOnce),
        shown(one.doubleCount),
        shown(one.floor),
        shown(one.excessOverFloorNatsPerToken),
      ]),
    ),
    ...(compared.length > 0 ? [list(compared)] : []),
  ];
}

/** The page. @param results of all trainings, for the curves */
export function table4Page(record: Table4Record, results: readonly RunResult[]): Page {
  const { rows, data, shared } = record;
  const models = [...new Set(rows.map(({ model }) => model))];
  const blocks: Block[] = [
    paragraph(
      "Nats per token are a bound on the negative log-likelihood of a token from above, in natural logarithms, and comparable between all rows: the flows' NELBO = -log p(x~) + log q(x~ | w) - sum log p(w_t | x~_t) - log p(N) over n = words and `<eos>`, the discrete models' exact cross-entropy. All rows of a data set score the same token ids. \"Above the noise\" is the density's part of it, -log p(x~) + log q(x~ | w). Bits per dimension measure the noisy vectors themselves and depend on their scale and noise; no mean can be below its floor, the entropy of the noise. \"As eq. 6\" divides by T D and takes off log2 64, the paper's convention.",
    ),
    ...[natsPlot(rows)].flatMap((plot) => plot ?? []),
    ...(record.unfinished.length === 0
      ? []
      : [
          paragraph(
            `Not finished when this page was written, and missing from it: ${record.unfinished.join("; ")}. The same command goes on with them.`,
          ),
        ]),
    ...failed(rows, record.failures),
  ];
  for (const set of data) {
    const own = rows.filter((row) => row.data === set.name);
    const plots = [partsPlot(rows, set.name), curvesPlot(results, set.name)].flatMap((plot) => plot ?? []);
    blocks.push(heading(set.name), paragraph(describeData(set)), figuresTable(own), ...plots, ...differences(own, set));
  }
  blocks.push(
    ...orderingsTable(record.orderings),
    ...notADensity(record.notADensity),
    heading("How it was made"),
    list(
      models.map((model) => {
        const preset = rows.find((row) => row.model === model)?.preset;
        return `\`${model}\`: ${rowNamed(model).about}${preset ? ` (preset \`${preset}\`)` : ""}`;
      }),
    ),
    paragraph(
      shared.learningRate === null
        ? `Points have ${shared.width} channels; every preset has its own learning rate and number of steps.`
        : `All flows and language models have points and networks of ${shared.width} channels, learning rate ${shared.learningRate} and ${shared.steps} steps. The step of each row is the best on texts that no figure is reported on.`,
    ),
    paragraph(
      `Time is the clock's, of training and scoring on a machine that may have done other work too; that of a processor counts this work alone, with what came before the first step. Threads of a training: ${[...new Set(results.map(({ threads }) => threads))].join(", ")}.`,
    ),
    paragraph(describeProvenance(record)),
  );
  const seeds = new Set(rows.flatMap((row) => row.seeds)).size;
  return {
    title: "Table 4: density models side by side",
    lead: `Scale ${record.scale}, ${seeds} seed${seeds === 1 ? "" : "s"}; ${data.map(({ name }) => name).join(", ")}.`,
    blocks,
  };
}
