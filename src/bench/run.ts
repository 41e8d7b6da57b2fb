/** A whole run: figures as they come, the comparison with recorded ratios, the page. */
import { mkdirSync } from "node:fs";
import { programName } from "../base/invocation.ts";
import { writePage } from "../experiments/document.ts";
import { machine } from "../experiments/machine.ts";
import { engineBuild } from "../torch/index.ts";
import { benchAll } from "./all.ts";
import type { Growth } from "./costs.ts";
import { compared, type Figure, isWorse, readRecorded, writeRecorded } from "./figures.ts";
import { benchPage } from "./page.ts";

/** Where figures come from and go to. */
export interface RunOptions {
  readonly quick: boolean;
  /** Folder of the page. */
  readonly out: string;
  readonly recordedFile: string;
  /** Write this run's ratios there afterwards. */
  readonly record: boolean;
  /** How Node.js starts `riverrun`. */
  readonly self: readonly string[];
  readonly threads?: number;
  /** Names of the parts to run; all unless given. */
  readonly only?: readonly string[];
  readonly onFigure: (figure: Figure) => Promise<void> | void;
  readonly say: (message: string) => void;
  /** The parts; those of `benchAll` unless given. */
  readonly measure?: typeof benchAll;
}

/** What came of it. */
export interface RunResult {
  readonly figures: readonly Figure[];
  readonly failed: number;
  readonly pages: readonly string[];
}

/**
 * Measures, compares, writes `out`/bench.html, .md, .json and the plots.
 *
 * @throws UsageError for a damaged file of recorded ratios
 */
export async function runAll(options: RunOptions): Promise<RunResult> {
  const { quick, out, recordedFile, self, threads, only, say, onFigure, measure = benchAll } = options;
  const recorded = readRecorded(recordedFile)?.[quick ? "quick" : "full"];
  mkdirSync(out, { recursive: true });
  const figures: Figure[] = [];
  const growth: Growth[] = [];
  for await (const measured of measure({
    quick,
    self,
    threads,
    only,
    say: (part) => {
      say(`measuring: ${part}`);
    },
    onGrowth: (one) => {
      growth.push(one);
    },
  })) {
    const figure = compared(measured, recorded);
    figures.push(figure);
    await onFigure(figure);
  }
  if (recorded === undefined) {
    const skipped: Figure = {
      figure: "comparison",
      of: "recorded ratios",
      skipped: `bench/recorded.json has no ${quick ? "quick" : "full"} run: ${programName()} bench --record writes one`,
    };
    figures.push(skipped);
    await onFigure(skipped);
  }
  const versions = { libtorch: engineBuild().torch, "Node.js": process.versions.node };
  const about = { quick, machine: machine(), versions };
  const pages = writePage(out, "bench", { ...about, figures, growth }, benchPage({ ...about, figures, growth }));
  if (options.record) writeRecorded(recordedFile, figures, about);
  const failures = figures.filter(({ failed }) => failed !== undefined);
  for (const { figure, failed } of failures) say(`failed: ${figure}: ${failed}`);
  const worse = figures.filter(isWorse);
  for (const { figure, of, change } of worse)
    say(`worse than recorded: ${figure} / ${of}, ${change?.toFixed(2)} of it`);
  return { figures, failed: failures.length, pages };
}
