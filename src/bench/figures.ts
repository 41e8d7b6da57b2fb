/** A figure as a ratio, and ratios of an earlier run to compare it with. */
import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { writeFileAtomic } from "../base/atomicFile.ts";
import { messageOf, UsageError } from "../base/errors.ts";
import { programName } from "../base/invocation.ts";

/** One line of `riverrun bench all`. */
export interface Figure {
  /** What was measured. */
  readonly figure: string;
  /** What it is divided by, measured in the same run. */
  readonly of: string;
  readonly better?: "higher" | "lower";
  readonly ratio?: number;
  /** The same ratio in bench/recorded.json. */
  readonly recorded?: number;
  /** ratio / recorded. */
  readonly change?: number;
  /** What the ratio was made of. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Why it was not measured. */
  readonly skipped?: string;
  /** What went wrong. */
  readonly failed?: string;
}

/** What names a figure in the file. */
export function keyOf({ figure, of }: Pick<Figure, "figure" | "of">): string {
  return `${figure} / ${of}`;
}

const ratios = z.record(z.string(), z.number());
const schema = z.strictObject({
  command: z.string(),
  versions: z.record(z.string(), z.string()),
  machine: z.string(),
  /** Of the whole run and of the quick one, whose sizes are others. */
  full: ratios.optional(),
  quick: ratios.optional(),
});

/** Ratios of an earlier run, made by `riverrun bench all --record`. */
export type Recorded = z.infer<typeof schema>;

/**
 * The recorded ratios; undefined where there is no file.
 *
 * @throws UsageError for a file that is something else
 */
export function readRecorded(file: string): Recorded | undefined {
  if (!existsSync(file)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new UsageError(
      `${file} is no JSON (${messageOf(error)}): make it anew by ${programName()} bench all --record`,
    );
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UsageError(
      `${file}: ${issue.path.join(".") || "the file"}: ${issue.message}; make it anew by ${programName()} bench all --record`,
    );
  }
  return parsed.data;
}

/** The figure with what was recorded of it. */
export function compared(figure: Figure, recorded: Readonly<Record<string, number>> | undefined): Figure {
  const before = recorded?.[keyOf(figure)];
  if (figure.ratio === undefined || before === undefined) return figure;
  return { ...figure, recorded: before, change: figure.ratio / before };
}

/** Whether a figure is worse than recorded by more than a tenth, which is beyond what runs differ by. */
export function isWorse({ change, better }: Figure): boolean {
  if (change === undefined) return false;
  return better === "lower" ? change > 1.1 : change < 0.9;
}

/** Writes the ratios of a run into the file; what the run did not measure and the other kind of run stay. */
export function writeRecorded(
  file: string,
  figures: readonly Figure[],
  run: { readonly quick: boolean; readonly machine: string; readonly versions: Readonly<Record<string, string>> },
): void {
  const before = readRecorded(file);
  const measured = Object.fromEntries(
    figures.flatMap((figure) =>
      figure.ratio === undefined ? [] : [[keyOf(figure), Number(figure.ratio.toPrecision(4))] as const],
    ),
  );
  const kind = run.quick ? "quick" : "full";
  const { machine, versions } = run;
  const value: Recorded = {
    command: "riverrun bench all --record, with --quick for the part of that name",
    versions,
    machine,
    ...(before?.full && { full: before.full }),
    ...(before?.quick && { quick: before.quick }),
    [kind]: { ...before?.[kind], ...measured },
  };
  writeFileAtomic(file, `${JSON.stringify(value, null, 2)}\n`);
}
