/** Every figure of speed and memory as a ratio to something that is measured in the same run. */
import { join } from "node:path";
import { messageOf } from "../base/errors.ts";
import { hasCollectives } from "../torch/index.ts";
import { type Growth, measureGrowth } from "./costs.ts";
import type { Figure } from "./figures.ts";
import { outputOf, type Row, rowsOf, script } from "./programs.ts";
import { wordsCountedPerSecond } from "./yardstick.ts";

const root = join(import.meta.dirname, "..", "..");

/** How a run is made. */
export interface AllOptions {
  /** Smaller sizes and fewer runs; what it leaves out is skipped with a word. */
  readonly quick: boolean;
  /** How Node.js starts `riverrun`: each part runs in a process of its own, so that memory is its own. */
  readonly self: readonly string[];
  /** Threads inside an operator; the machine's cores unless given. */
  readonly threads?: number;
  /** Names of the parts to run; all unless given. */
  readonly only?: readonly string[];
  /** Where bench/ and its tools are looked for; this clone unless given. */
  readonly clone?: string;
  /** Told of each part before it begins. */
  readonly say?: (part: string) => void;
  /** Told of the growth of costs, for plots. */
  readonly onGrowth?: (growth: Growth) => void;
}

const peak = "GEMM peak";
const peer = "PyTorch";
const plain = "words counted in plain JavaScript";
const higher = { better: "higher" } as const;
const lower = { better: "lower" } as const;

const numberOf = (row: Row, key: string): number | undefined => (typeof row[key] === "number" ? row[key] : undefined);

/** A ratio of the row, or the word why it is not there. */
function fromRow(row: Row, figure: string, of: string, key: string, better: Figure["better"] = "higher"): Figure {
  const ratio = numberOf(row, key);
  if (ratio !== undefined) return { figure, of, better, ratio };
  return { figure, of, skipped: typeof row.peerSkipped === "string" ? row.peerSkipped : "not measured" };
}

/** ours / theirs of two numbers of the row. */
function quotient(row: Row, figure: string, of: string, ours: string, theirs: string): Figure {
  const [a, b] = [numberOf(row, ours), numberOf(row, theirs)];
  if (a !== undefined && b !== undefined) return { figure, of, ...lower, ratio: a / b };
  return { figure, of, skipped: typeof row.peerSkipped === "string" ? row.peerSkipped : "not measured" };
}

/** The parts of a whole run, in order. */
export const partNames = [
  "operator",
  "flow-step",
  "causal",
  "ar",
  "data-parallel",
  "tokenizers",
  "metrics",
  "glove",
  "memory",
  "growth",
] as const;

/** A part of the whole. */
interface Part {
  readonly name: (typeof partNames)[number];
  readonly figures: () => AsyncIterable<Figure> | Promise<readonly Figure[]>;
}

class Run {
  readonly #options: AllOptions;
  #wordsPerSecond: number | undefined;

  constructor(options: AllOptions) {
    this.#options = options;
  }

  /** Words a second, the yardstick of scripts; measured when first asked for. */
  get #words(): number {
    this.#wordsPerSecond ??= wordsCountedPerSecond();
    return this.#wordsPerSecond;
  }

  async #bench(...args: readonly string[]): Promise<Row> {
    const { self, threads } = this.#options;
    const more = threads === undefined ? [] : ["--threads", String(threads)];
    const [row] = rowsOf(await outputOf([...self, "bench", ...args, ...more, "--json"]));
    return row;
  }

  async #operator(): Promise<Figure[]> {
    const row = await this.#bench("op", "--peer");
    return [{ ...fromRow(row, "operator call", peer, "speedup"), details: row }];
  }

  async #flowStep(): Promise<Figure[]> {
    const smaller = this.#options.quick ? ["--steps", "2"] : [];
    const row = await this.#bench("flow-step", "--peer", ...smaller);
    return [
      { ...fromRow(row, "flow-step", peak, "fractionOfPeak"), details: row },
      fromRow(row, "flow-step inverse", peak, "inverseFractionOfPeak"),
      fromRow(row, "flow-step", peer, "speedup"),
      fromRow(row, "flow-step inverse", peer, "inverseSpeedup"),
      quotient(row, "flow-step memory", peer, "peakRssMb", "peerPeakRssMb"),
    ];
  }

  async #causal(): Promise<Figure[]> {
    const row = await this.#bench("causal", "--peer", ...(this.#options.quick ? ["--repeats", "3"] : []));
    return [
      { ...fromRow(row, "causal step", peer, "speedup"), details: row },
      fromRow(row, "causal sampling", peer, "sampleSpeedup"),
      fromRow(row, "causal decoding", peer, "decodeSpeedup"),
      quotient(row, "causal memory", peer, "peakRssMb", "peerPeakRssMb"),
    ];
  }

  async #ar(): Promise<Figure[]> {
    const row = await this.#bench("ar", ...(this.#options.quick ? ["--steps", "1", "--repeats", "1"] : []));
    return [
      { ...fromRow(row, "autoregressive encoding", "plain loops", "wavefrontSpeedup"), details: row },
      quotient(row, "beam search of 5", "greedy decoding", "beam5SecondsPerText", "decodeSecondsPerText"),
    ];
  }

  async *#dataParallel(): AsyncGenerator<Figure> {
    if (!hasCollectives()) {
      yield { figure: "two processes", of: "one process", skipped: "the addon was built without collectives" };
      return;
    }
    const { self, quick } = this.#options;
    // Of one thread each, whatever the others have.
    const args = ["data-parallel", "--peer", "--words", "2000", "--repeats", quick ? "10" : "30", "--json"];
    const [row] = rowsOf(await outputOf([...self, "bench", ...args]));
    yield { ...fromRow(row, "two processes", "one process", "scaling"), details: row };
    yield fromRow(row, "scaling of two processes", peer, "scalingRatio");
  }

  /** The output of a script of bench/, or its rows' word of being skipped. */
  async #script(name: string, figure: string, args: readonly string[] = []): Promise<string | Figure[]> {
    const found = script(this.#options.clone ?? root, name);
    if ("skipped" in found) return [{ figure, of: plain, skipped: found.skipped }];
    return outputOf([...found, ...args], this.#options.clone ?? root);
  }

  async #tokenizers(): Promise<Figure[]> {
    const output = await this.#script("tokenizers.ts", "tokenizers");
    if (typeof output !== "string") return output;
    return rowsOf(output).flatMap((row): Figure[] => {
      const speed = numberOf(row, "millionTokensPerSecond");
      if (speed === undefined) return [];
      return [
        {
          figure: `tokens of ${String(row.name)}`,
          of: plain,
          ...higher,
          ratio: (speed * 1e6) / this.#words,
          details: row,
        },
      ];
    });
  }

  async #metrics(): Promise<Figure[]> {
    const { quick, only } = this.#options;
    if (quick && !only?.includes("metrics"))
      return [{ figure: "metrics", of: plain, skipped: "left out by --quick: a minute" }];
    const output = await this.#script("metrics.ts", "metrics");
    if (typeof output !== "string") return output;
    // "METEOR of 10000 pairs, tables read: 12.3 s (processor 12.0 s), peak 400 MB"
    const lines = output.matchAll(/^(\S+).* (?:of )?(\d+) (?:pairs|examples).*\(processor ([\d.]+) s\)/gm);
    return [...lines].map(([line, name, items, seconds]) => ({
      figure: `${name === "paired" ? "bootstrap" : name} pairs`,
      of: plain,
      ...higher,
      ratio: Number(items) / Number(seconds) / this.#words,
      details: { line, wordsPerSecond: this.#words },
    }));
  }

  async #glove(): Promise<Figure[]> {
    const args = this.#options.quick
      ? ["--tokens", "100000", "--words", "5000", "--dimensions", "50"]
      : ["--tokens", "1000000"];
    const output = await this.#script("glove.ts", "GloVe records", args);
    if (typeof output !== "string") return output;
    const [row] = rowsOf(output);
    const rates = Object.entries(row.recordsPerSecond as Readonly<Record<string, number>>);
    return rates.map(([threads, rate]) => ({
      figure: `GloVe records on ${threads} thread${threads === "1" ? "" : "s"}`,
      of: plain,
      ...higher,
      ratio: rate / this.#words,
      details: row,
    }));
  }

  async *#memory(): AsyncGenerator<Figure> {
    const quick = ["tiny", "small", "small-ar", "small-tarflow"];
    const large = ["riverrun-nar", "riverrun-ar", "riverrun-tarflow", "paper-nar", "paper-nar-channel", "paper-ar"];
    for (const preset of [...quick, ...large]) {
      const [figure, of] = [`memory of ${preset}`, "weights, gradients and moments"];
      if (this.#options.quick && large.includes(preset)) {
        yield { figure, of, skipped: "left out by --quick" };
        continue;
      }
      this.#options.say?.(figure);
      try {
        const row = await this.#bench("memory", "--preset", preset);
        yield { ...fromRow(row, figure, of, "peakOverState", "lower"), details: row };
      } catch (error) {
        yield { figure, of, failed: messageOf(error) };
      }
    }
  }

  async *#growth(): AsyncGenerator<Figure> {
    for await (const growth of measureGrowth(this.#options.quick)) {
      this.#options.onGrowth?.(growth);
      const { name, points, exponent } = growth;
      yield {
        figure: `exponent of ms in ${name}`,
        of: "proportional growth",
        ...lower,
        ratio: exponent,
        details: { points },
      };
    }
  }

  async *figures(): AsyncGenerator<Figure> {
    const parts: readonly Part[] = [
      { name: "operator", figures: () => this.#operator() },
      { name: "flow-step", figures: () => this.#flowStep() },
      { name: "causal", figures: () => this.#causal() },
      { name: "ar", figures: () => this.#ar() },
      { name: "data-parallel", figures: () => this.#dataParallel() },
      { name: "tokenizers", figures: () => this.#tokenizers() },
      { name: "metrics", figures: () => this.#metrics() },
      { name: "glove", figures: () => this.#glove() },
      { name: "memory", figures: () => this.#memory() },
      { name: "growth", figures: () => this.#growth() },
    ];
    const { only } = this.#options;
    for (const { name, figures } of parts) {
      if (only && !only.includes(name)) continue;
      this.#options.say?.(name);
      try {
        for await (const figure of await figures()) yield figure;
      } catch (error) {
        yield { figure: name, of: "the run", failed: messageOf(error) };
      }
    }
  }
}

/** One part after the other; a part that fails gives a figure that says so, and the others go on. */
export function benchAll(options: AllOptions): AsyncIterable<Figure> {
  return new Run(options).figures();
}
