/** What is in data files: counts, lengths, splits, duplicates, overlaps, broken records. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { RiverrunError, UsageError } from "../../base/errors.ts";
import type { BadRecord } from "../badRecords.ts";
import type { KeySet } from "./keySet.ts";
import { type LengthSummary, Observations } from "./observations.ts";
import { observe, observeParallel } from "./readers.ts";
import { type DataFormat, recogniseFormat } from "./recognise.ts";

/** What one file, folder or pair of files holds. */
export interface InspectionReport {
  readonly file: string;
  /** The other side of parallel text, and the file of origins. */
  readonly beside: readonly string[];
  readonly format: DataFormat;
  readonly bytes: number;
  readonly counts: Readonly<Record<string, number>>;
  /** Lengths in words, split at white space, by kind of text. */
  readonly lengths: Readonly<Record<string, LengthSummary>>;
  /** Records by split, show, origin, dtype, ...: what the format has. */
  readonly splits: Readonly<Record<string, number>>;
  /** Texts beyond the first of their kind, within a split; runs of white space count as one space. */
  readonly duplicates: Readonly<Record<string, number>>;
  /** Whether there were too many different texts to find all duplicates and overlaps: the numbers are lower bounds. */
  readonly duplicatesAreLowerBounds: boolean;
  readonly bad: { readonly count: number; readonly first: readonly BadRecord[] };
}

/** Different texts that two files, or two splits of a file, have in common. */
export interface Overlap {
  readonly left: string;
  readonly right: string;
  readonly kind: string;
  readonly count: number;
  /** Different texts of that kind on each side. */
  readonly ofLeft: number;
  readonly ofRight: number;
}

export interface Inspection {
  readonly reports: readonly InspectionReport[];
  readonly overlaps: readonly Overlap[];
}

function bytesOf(path: string): number {
  const status = statSync(path);
  if (!status.isDirectory()) return status.size;
  return readdirSync(path).reduce(
    (sum, name) => sum + (statSync(join(path, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

/** Language extensions, as `train.ro` and `train.en` have them. */
const languageExtension = /^\.[a-z]{2,3}$/;

interface Unit {
  readonly file: string;
  readonly beside: readonly string[];
}

/** Stem and side of a file that may be half of a pair: `train.ro` beside `train.en`, `src-dev.txt` beside `tgt-dev.txt`. */
function halfOf(path: string): { readonly pair: string; readonly isSource: boolean } | undefined {
  const named = /^(src|tgt)-(.+)\.txt$/.exec(basename(path));
  if (named) return { pair: join(dirname(path), named[2]), isSource: named[1] === "src" };
  const extension = extname(path);
  const known = [".txt", ".srt", ".h5", ".vec", ".sgm"];
  if (!languageExtension.test(extension) || known.includes(extension)) return undefined;
  // English is the target of the pairs of this field; the order of two other languages is that of the arguments.
  return { pair: path.slice(0, -extension.length), isSource: extension !== ".en" };
}

/** Files that belong together, in the order of the first of each. */
function unitsOf(paths: readonly string[]): Unit[] {
  const units: Unit[] = [];
  const taken = new Set<string>();
  for (const path of paths) {
    if (taken.has(path)) continue;
    taken.add(path);
    const half = halfOf(path);
    const other = half && paths.find((candidate) => !taken.has(candidate) && halfOf(candidate)?.pair === half.pair);
    if (!half || other === undefined) {
      if (!path.endsWith(".origin") || !paths.some((candidate) => halfOf(candidate)?.pair === path.slice(0, -7))) {
        units.push({ file: path, beside: [] });
      }
      continue;
    }
    taken.add(other);
    const origin = `${half.pair}.origin`;
    const [source, target] = half.isSource ? [path, other] : [other, path];
    units.push({ file: source, beside: existsSync(origin) ? [target, origin] : [target] });
  }
  return units;
}

function labelled(path: string, split: string): string {
  return split === "" ? path : `${path} (${split})`;
}

/**
 * Reads files whole and says what is in them; those with the same kinds of texts are compared with each other, and so
 * are the splits inside a file. Memory is bounded: texts are remembered by hashes, at most 64 MiB for each kind of text
 * of a file.
 *
 * @throws DataMissingError; UsageError where a file is of no known format, or cannot be read at all.
 */
export async function inspectFiles(
  paths: readonly string[],
  onFile: (file: string, format: DataFormat) => void = () => {},
): Promise<Inspection> {
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  if (twice !== undefined) throw new UsageError(`${twice} is named twice`);
  const reports: InspectionReport[] = [];
  const sides: { readonly label: string; readonly kind: string; readonly keys: KeySet }[] = [];
  for (const { file, beside } of unitsOf(paths)) {
    const [target, origin] = beside;
    const format = target === undefined ? await recogniseFormat(file) : "parallel";
    onFile(file, format);
    const seen = new Observations();
    if (target === undefined) await observe(format, file, seen);
    else await observeParallel({ source: file, target, origin }, seen);
    let isFull = false;
    for (const [kind, bySplit] of seen.keys) {
      for (const [split, keys] of bySplit) {
        sides.push({ label: labelled(file, split), kind, keys });
        isFull ||= keys.full;
      }
    }
    reports.push({
      file,
      beside,
      format,
      bytes: [file, ...beside].reduce((sum, path) => sum + bytesOf(path), 0),
      counts: Object.fromEntries(seen.counts),
      lengths: seen.lengths(),
      splits: Object.fromEntries(seen.splits),
      duplicates: Object.fromEntries(seen.duplicates),
      duplicatesAreLowerBounds: isFull,
      bad: { count: seen.bad.count, first: seen.bad.first },
    });
  }
  const overlaps: Overlap[] = [];
  for (const [index, left] of sides.entries()) {
    for (const right of sides.slice(index + 1)) {
      if (left.kind !== right.kind) continue;
      const count = left.keys.overlap(right.keys);
      if (count === 0) continue;
      const [ofLeft, ofRight] = [left.keys.size, right.keys.size];
      overlaps.push({ left: left.label, right: right.label, kind: left.kind, count, ofLeft, ofRight });
    }
  }
  return { reports, overlaps };
}

/** @throws RiverrunError where records are broken and they are not to be skipped. */
export function requireGoodRecords(inspection: Inspection): void {
  const count = inspection.reports.reduce((sum, report) => sum + report.bad.count, 0);
  if (count > 0) {
    throw new RiverrunError(`${count} records are broken; --skip-bad counts them and ends well`);
  }
}
