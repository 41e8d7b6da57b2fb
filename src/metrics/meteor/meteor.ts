/** METEOR (Lavie and Agarwal 2007; version 1.5: Denkowski and Lavie 2014) for English. */
import { UsageError } from "../../base/errors.ts";
import { programName } from "../../base/invocation.ts";
import { type CorpusScores, checkPairs } from "../corpusScores.ts";
import { type TokenizationName, tokenizationByName } from "../tokenization.ts";
import { bestAlignment, countChunks, type ModuleName, moduleNames } from "./alignment.ts";
import { Matchers } from "./matchers.ts";
import { javaWords, normalizeEnglish } from "./normalize.ts";
import { availableModules, type MeteorTables, meteorFiles, readSmallTables, withParaphrases } from "./tables.ts";

/** The constants of METEOR's formula. */
export interface MeteorParameters {
  /** Weight of recall in Fmean = 1 / ((1 - alpha) / P + alpha / R). */
  readonly alpha: number;
  /** Exponent and weight of the penalty gamma frag^beta. */
  readonly beta: number;
  readonly gamma: number;
  /** Weight of a content word; a function word weighs 1 - delta. */
  readonly delta: number;
  /** Weight of a match by the module that made it. */
  readonly weights: Readonly<Record<ModuleName, number>>;
  /** Modules of this version, in order. */
  readonly modules: readonly ModuleName[];
}

/** Names of {@link meteorParameters}. */
export type MeteorVersion = "1.5" | "2007";

/**
 * `1.5`: English, task `rank`, the defaults of METEOR 1.5. `2007`: English in the authors' own program of that time,
 * METEOR 0.6 (Banerjee, Lavie and Agarwal; `$params{'en'} = '.8 .83 .28'` of its meteor.pl), whose values Lavie and
 * Agarwal (2007) tuned; there is no paraphrase module, every match weighs 1, content and function words weigh the same.
 * Matching, search and normaliser are those of 1.5 in both.
 */
export const meteorParameters: Readonly<Record<MeteorVersion, MeteorParameters>> = {
  "1.5": {
    alpha: 0.85,
    beta: 0.2,
    gamma: 0.6,
    delta: 0.75,
    weights: { exact: 1, stem: 0.6, synonym: 0.8, paraphrase: 0.6 },
    modules: moduleNames,
  },
  "2007": {
    alpha: 0.8,
    beta: 0.83,
    gamma: 0.28,
    delta: 0.5,
    weights: { exact: 1, stem: 1, synonym: 1, paraphrase: 1 },
    modules: ["exact", "stem", "synonym"],
  },
};

/**
 * Sufficient statistics of an example, by their place: matched and all weight of the hypothesis, matched and all weight
 * of the reference, chunks (0 where both texts are matched whole in one chunk, so that equal texts have no penalty),
 * matched words of both texts together.
 */
const width = 6;

/** Score in [0, 1] of summed statistics; 0 where nothing matches. */
function meteorScore(sums: ArrayLike<number>, { alpha, beta, gamma }: MeteorParameters): number {
  const precision = sums[0] / sums[1];
  const recall = sums[2] / sums[3];
  const mean = 1 / ((1 - alpha) / precision + alpha / recall);
  const frag = sums[4] / (sums[5] / 2);
  const score = mean * (1 - gamma * frag ** beta);
  return Number.isNaN(score) ? 0 : Math.max(0, score);
}

/** What {@link Meteor} is made with. */
export interface MeteorOptions {
  /** Default "1.5". */
  readonly version?: MeteorVersion;
  /** Default: every module of the version that the tables allow. */
  readonly modules?: readonly ModuleName[];
}

/** Scores pairs of texts. */
export class Meteor {
  /** Modules that run, in order. */
  readonly modules: readonly ModuleName[];
  /** Modules of this version that do not run, since their tables are not there or were left out. */
  readonly missing: readonly ModuleName[];
  readonly version: MeteorVersion;
  readonly #tables: MeteorTables;
  readonly #parameters: MeteorParameters;
  readonly #matchers: Matchers;

  /** @throws UsageError where a module is asked for whose table is not there. */
  constructor(tables: MeteorTables, { version = "1.5", modules }: MeteorOptions = {}) {
    this.version = version;
    this.#tables = tables;
    this.#parameters = meteorParameters[version];
    const available = availableModules(tables);
    const impossible = modules?.find((name) => !available.includes(name));
    if (impossible !== undefined) {
      throw new UsageError(
        `METEOR's module "${impossible}" cannot run: its table is not there (${tables.missing.join(", ")}); run ${programName()} data fetch meteor`,
      );
    }
    const wanted = modules ?? this.#parameters.modules;
    this.modules = moduleNames.filter((name) => wanted.includes(name) && available.includes(name));
    this.missing = this.#parameters.modules.filter((name) => !this.modules.includes(name));
    this.#matchers = new Matchers(new Set(this.modules), tables);
  }

  /** Whether the word lists are METEOR's own. */
  get #ownLists(): boolean {
    const { missing } = this.#tables;
    return missing.includes(meteorFiles.functionWords) || missing.includes(meteorFiles.nonbreaking);
  }

  /**
   * What the score is called: "METEOR 1.5", or with what ran instead, as in "METEOR 1.5 (exact, stem; riverrun's word
   * lists)". Scores of different names must not stand in one column.
   */
  get name(): string {
    const notes = [
      ...(this.missing.length > 0 ? [this.modules.join(", ")] : []),
      ...(this.#ownLists ? ["riverrun's word lists"] : []),
    ];
    const version = this.version === "1.5" ? "METEOR 1.5" : "METEOR 1.5 with the parameters of 2007";
    return notes.length > 0 ? `${version} (${notes.join("; ")})` : version;
  }

  /** Everything that the score depends on. */
  signature(nrefs: number | "var", normalizer: string): string {
    const { alpha, beta, gamma, delta } = this.#parameters;
    return [
      "meteor",
      `nrefs:${nrefs}`,
      "lang:en",
      `norm:${normalizer}`,
      `modules:${this.modules.map((name) => `${name}[${this.#parameters.weights[name]}]`).join("+")}`,
      `alpha:${alpha}`,
      `beta:${beta}`,
      `gamma:${gamma}`,
      `delta:${delta}`,
      `lists:${this.#ownLists ? "riverrun" : "meteor"}`,
      `version:${this.version}`,
    ].join("|");
  }

  /** The lower-case tokens of a text, by METEOR's normaliser. */
  tokens(text: string): string[] {
    return javaWords(normalizeEnglish(text, this.#tables.nonbreaking).toLowerCase());
  }

  /** Score in [0, 1] of two lists of lower-case tokens. */
  pairScore(hypothesis: readonly string[], reference: readonly string[]): number {
    return meteorScore(this.#pairStatistics(hypothesis, reference), this.#parameters);
  }

  #weight(words: readonly string[]): number {
    const { delta } = this.#parameters;
    let functions = 0;
    for (const word of words) if (this.#tables.functionWords.has(word)) functions++;
    return delta * (words.length - functions) + (1 - delta) * functions;
  }

  #pairStatistics(hypothesis: readonly string[], reference: readonly string[]): Float64Array {
    const { delta, weights } = this.#parameters;
    const matches = bestAlignment(this.#matchers.find(hypothesis, reference));
    const row = new Float64Array(width);
    const wordWeight = (word: string): number => (this.#tables.functionWords.has(word) ? 1 - delta : delta);
    let ours = 0;
    let theirs = 0;
    for (const match of matches) {
      if (match === undefined) continue;
      for (let k = 0; k < match.hypothesisLength; k++) {
        row[0] += weights[match.module] * wordWeight(hypothesis[match.hypothesisStart + k]);
      }
      for (let k = 0; k < match.length; k++) row[2] += weights[match.module] * wordWeight(reference[match.start + k]);
      ours += match.hypothesisLength;
      theirs += match.length;
    }
    row[1] = this.#weight(hypothesis);
    row[3] = this.#weight(reference);
    row[5] = ours + theirs;
    const chunks = countChunks(matches);
    row[4] = chunks === 1 && ours === hypothesis.length && theirs === reference.length ? 0 : chunks;
    return row;
  }

  /**
   * The statistics of a corpus: for every example those of the reference with the highest score. The corpus score is
   * the formula on their sums, chunks of perfect examples left out; the mean of the examples is another figure.
   *
   * @param references one list of token lists an example.
   */
  corpus(
    hypotheses: readonly (readonly string[])[],
    references: readonly (readonly (readonly string[])[])[],
    normalizer = "meteor",
  ): CorpusScores {
    const statistics = new Float64Array(hypotheses.length * width);
    for (const [i, hypothesis] of hypotheses.entries()) {
      let best = -1;
      for (const reference of references[i]) {
        const row = this.#pairStatistics(hypothesis, reference);
        const score = meteorScore(row, this.#parameters);
        if (score > best) statistics.set(row, i * width);
        best = Math.max(best, score);
      }
    }
    const parameters = this.#parameters;
    const numbers = new Set(references.map(({ length }) => length));
    return {
      metric: "meteor",
      signature: this.signature(numbers.size === 1 ? references[0].length : "var", normalizer),
      count: hypotheses.length,
      width,
      statistics,
      score: (sums) => 100 * meteorScore(sums, parameters),
    };
  }
}

/** What {@link meteor} found. */
export interface MeteorScores extends CorpusScores {
  /** What the score is called, see {@link Meteor.name}. */
  readonly name: string;
  readonly modules: readonly ModuleName[];
  /** Modules that did not run. */
  readonly missingModules: readonly ModuleName[];
  /** Files of METEOR that are not in the folder. */
  readonly missingFiles: readonly string[];
}

/**
 * METEOR of a corpus with the files of a folder (see {@link meteorFiles}); only the paraphrases of words that occur in
 * the texts are kept in memory.
 *
 * @param tokenization METEOR's own normaliser where undefined; otherwise these tokens, lower-cased.
 * @throws UsageError where the numbers differ or an example has no reference.
 */
export async function meteor(
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
  folder: string,
  { version, tokenization }: { readonly version?: MeteorVersion; readonly tokenization?: TokenizationName } = {},
): Promise<MeteorScores> {
  checkPairs(hypotheses, references);
  const small = readSmallTables(folder);
  const normalizer = new Meteor(small, { modules: ["exact"] });
  const cut = tokenization === undefined ? undefined : tokenizationByName(tokenization);
  const tokens = (text: string): string[] =>
    cut === undefined ? normalizer.tokens(text) : cut(text).map((word) => word.toLowerCase());
  const ours = hypotheses.map(tokens);
  const theirs = references.map((texts) => texts.map(tokens));
  const words = new Set([...ours, ...theirs.flat()].flat());
  const wanted = meteorParameters[version ?? "1.5"].modules.includes("paraphrase");
  const scorer = new Meteor(wanted ? await withParaphrases(small, folder, words) : small, version ? { version } : {});
  return {
    ...scorer.corpus(ours, theirs, tokenization ?? "meteor"),
    name: scorer.name,
    modules: scorer.modules,
    missingModules: scorer.missing,
    missingFiles: small.missing,
  };
}
