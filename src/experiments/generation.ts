/** What Tables 1 to 3 share: flows to generate with, trained as Table 4 trains them, or given. */
import { basename, dirname } from "node:path";
import { UsageError } from "../base/errors.ts";
import { loadModel, type PreparedText, type TextFlow } from "../flow/index.ts";
import { scoreTexts } from "../generate/index.ts";
import { BigramModel, dataEntropy } from "../lm/index.ts";
import { type ExperimentData, readExperimentData } from "./data.ts";
import { commandOf, type DataRecord, dataRecord, type Provenance, provenance } from "./record.ts";
import { chooseRows, type RowName, rowNamed, rowNames } from "./rows.ts";
import { flowOf, type RunEnvironment, sharedFolder } from "./runs.ts";
import { prepareShared, type SharedParts } from "./shared.ts";

/** What Tables 1 to 3 are told. */
export interface GenerationOptions extends RunEnvironment {
  /** Data to train on and to take texts from. */
  readonly files: readonly string[];
  readonly out: string;
  /** Names of rows to train; the table's own where absent. */
  readonly models?: readonly string[];
  /** Folders of trained models instead. */
  readonly modelFolders?: readonly string[];
  readonly seed: number;
}

/** A flow and what the page calls it. */
export interface NamedFlow {
  readonly name: string;
  readonly model: TextFlow;
}

/** The data of a generating table, where it was given some. */
export interface GenerationData {
  readonly data: ExperimentData;
  readonly shared: SharedParts;
  readonly record: DataRecord;
}

/** The one data set of a generating table. @throws UsageError where the files are several sets */
export async function generationData(options: GenerationOptions): Promise<GenerationData | undefined> {
  if (options.files.length === 0) return undefined;
  const sets = await readExperimentData(options.files, options.scale);
  const [data, another] = sets;
  if (another) {
    throw new UsageError(
      `this table is made from one data set, found ${sets.map(({ name }) => name).join(", ")}: give one text file, one file of subtitles, or SQuAD's files`,
    );
  }
  const shared = await prepareShared(data, options.scale, sharedFolder(data, options.out), options);
  const ids = (texts: readonly string[]): number[][] => texts.map((text) => shared.idsOf(text));
  const record = dataRecord(data, {
    tokens: ids(data.report).reduce((sum, row) => sum + row.length, 0),
    words: shared.vocabulary.size,
    entropy: dataEntropy(ids(data.training)),
  });
  return { data, shared, record };
}

/** What the page calls a given model: its folder, and the folder above a seed's. */
function nameOf(folder: string): string {
  const own = basename(folder);
  return /^seed-\d+$/.test(own) ? basename(dirname(folder)) : own;
}

/**
 * Runs `body` on each flow of a table, one at a time: the given ones, else those of its rows, trained where they are not.
 *
 * @param rows those of the table where the caller names none
 * @throws UsageError where there is neither data nor a model, or a row is no flow
 */
export async function overFlows<Result>(
  options: GenerationOptions,
  given: GenerationData | undefined,
  rows: readonly RowName[],
  body: (flow: NamedFlow) => Result,
): Promise<Result[]> {
  const results: Result[] = [];
  const use = (name: string, model: TextFlow): void => {
    try {
      options.log(`${name}: generating`);
      results.push(body({ name, model }));
    } finally {
      model.dispose();
    }
  };
  if (options.modelFolders && !trainsRows(options)) {
    if (options.models) throw new UsageError("give either --model DIR... or --models NAMES, not both");
    for (const folder of options.modelFolders) use(nameOf(folder), loadModel(folder, { device: options.device }));
    return results;
  }
  if (!given) throw new UsageError("expected --data FILE... to train on, or --model DIR... with trained models");
  const chosen = chooseRows(options.models, options.models ? flowRowNames : rows);
  for (const row of chosen) {
    if (row.kind !== "flow") throw new UsageError(`"${row.name}" is no flow: it has no latents to generate from`);
    const job = { row, data: given.data, seed: options.seed, out: options.out };
    use(row.name, await flowOf(job, given.shared, options));
  }
  return results;
}

/** Whether the table's rows are trained, and no models were given. */
function trainsRows({ modelFolders }: GenerationOptions): boolean {
  return !modelFolders || modelFolders.length === 0;
}

/** How the command line said which models; folders by name. */
function modelChoice(options: GenerationOptions): string[] {
  const { models, modelFolders } = options;
  if (modelFolders && !trainsRows(options)) return ["--model", ...modelFolders.map(nameOf)];
  return models ? ["--models", models.join(",")] : [];
}

/**
 * How a table was made, with the command that makes it again.
 *
 * @param began performance.now() at the start
 * @param own the table's own options, as one types them
 */
export function provenanceOf(
  table: string,
  options: GenerationOptions,
  began: number,
  own: readonly (string | number)[],
): Provenance {
  const { files, scale, seed, device } = options;
  const shared = [...modelChoice(options), "--scale", scale.name, "--seed", seed];
  const command = commandOf(table, files, [...shared, ...own, "--out", "DIR"]);
  return provenance(command, scale, { device, began, trained: trainsRows(options) });
}

const flowRowNames: readonly RowName[] = rowNames.filter((name) => rowNamed(name).kind === "flow");

/** Refuses numbers before anything is trained. @throws UsageError for none at all or one that is not as expected */
export function requireNumbers(
  name: string,
  values: readonly number[],
  good: (value: number) => boolean,
  expected: string,
): void {
  const bad = values.find((value) => !Number.isFinite(value) || !good(value));
  if (values.length === 0 || bad !== undefined) {
    throw new UsageError(`${name}: expected ${expected}, got ${bad ?? "none"}`);
  }
}

/** Texts that a model can read, prepared; the others are left out. */
export function preparable(model: TextFlow, texts: readonly string[]): PreparedText[] {
  return texts.filter((text) => model.tokenizer.tokenize(text).length > 0).map((text) => model.prepare(text));
}

/** The bound of each text in nats per token under the model; null for a text without words. */
export function natsOf(model: TextFlow, texts: readonly string[], seed: number): (number | null)[] {
  const usable = texts.map((text) => model.tokenizer.tokenize(text).length > 0);
  const scores = scoreTexts(model, preparable(model, texts), { seed });
  let next = 0;
  return usable.map((flag) => (flag ? scores[next++].nelboPerToken : null));
}

/** A judge that has seen the same training texts and is none of the models: bigrams. */
export class BigramJudge {
  readonly #model: BigramModel;
  readonly #shared: SharedParts;
  /** Nats per token of the reported texts, what real text costs. */
  readonly ofReportedTexts: number;

  constructor({ data, shared }: GenerationData) {
    this.#shared = shared;
    this.#model = new BigramModel(
      data.training.map((text) => shared.idsOf(text)),
      shared.vocabulary.size,
    );
    this.ofReportedTexts = this.natsPerToken(data.report);
  }

  /** Nats per token over all texts, `<eos>` counted. */
  natsPerToken(texts: readonly string[]): number {
    const ids = texts.map((text) => this.#shared.idsOf(text));
    const sum = ids.reduce((total, row) => total + this.#model.nats(row), 0);
    return sum / ids.reduce((total, row) => total + row.length, 0);
  }
}
