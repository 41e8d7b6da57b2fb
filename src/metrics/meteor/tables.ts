/** The files METEOR 1.5 works with, and what stands in for them where they are not there. */
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { DataMissingError, messageOf } from "../../base/errors.ts";
import { listZip, readZip } from "../../base/zip.ts";
import type { ModuleName } from "./alignment.ts";
import { functionWords, nonbreakingPrefixes } from "./builtinWords.ts";
import type { NonbreakingKind } from "./normalize.ts";
import { ParaphraseTable } from "./paraphrases.ts";
import { SynonymDictionary } from "./synonyms.ts";

/** METEOR 1.5's jar, as `riverrun data fetch meteor` leaves it beside the paraphrases. */
const jarName = "meteor-1.5.jar";

/** Files of a folder of METEOR's tables; all but the paraphrases may also lie in the jar, under the same paths. */
export const meteorFiles = {
  functionWords: "function/english.words",
  nonbreaking: "nonbreaking/english.prefixes",
  synsets: "synonym/english.synsets",
  exceptions: "synonym/english.exceptions",
  paraphrases: "paraphrase-en.gz",
} as const;

/** $XDG_CACHE_HOME/riverrun/data/meteor (~/.cache where the variable is not set). */
export function meteorFolder(): string {
  const { XDG_CACHE_HOME: cache } = process.env;
  return join(cache?.startsWith("/") ? cache : join(homedir(), ".cache"), "riverrun", "data", "meteor");
}

/** What a scorer needs to know of the language. */
export interface MeteorTables {
  /** Frequent words and punctuation, which weigh 1 - delta. */
  readonly functionWords: ReadonlySet<string>;
  /** Words that keep their full stop. */
  readonly nonbreaking: ReadonlyMap<string, NonbreakingKind>;
  readonly synonyms?: SynonymDictionary;
  readonly paraphrases?: ParaphraseTable;
  /** Files of METEOR 1.5 that were not there, as paths in the folder. */
  readonly missing: readonly string[];
}

/** Modules that can run with these tables. */
export function availableModules(tables: MeteorTables): ModuleName[] {
  return [
    "exact",
    "stem",
    ...(tables.synonyms === undefined ? [] : (["synonym"] as const)),
    ...(tables.paraphrases === undefined ? [] : (["paraphrase"] as const)),
  ];
}

/** riverrun's own short lists: METEOR with exact and stem matches only. */
export function builtinMeteorTables(): MeteorTables {
  return {
    functionWords,
    nonbreaking: nonbreakingPrefixes,
    missing: Object.values(meteorFiles),
  };
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new DataMissingError(`${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** The texts of a folder by their names: a file of that name, or the entry of the folder's jar. */
function readTexts(folder: string, names: readonly string[]): Map<string, string> {
  const isFile = (name: string): boolean => existsSync(join(folder, name));
  const jar = join(folder, jarName);
  const entries = names.every(isFile) || !existsSync(jar) ? [] : listZip(jar);
  const packed = new Map(
    entries.filter(({ name }) => names.includes(name)).map((entry) => [entry.name, readZip(jar, entry)]),
  );
  const texts = new Map<string, string>();
  for (const name of names) {
    const bytes = isFile(name) ? readBytes(join(folder, name)) : packed.get(name);
    if (bytes !== undefined) texts.set(name, bytes.toString("utf8"));
  }
  return texts;
}

/** A list of prefixes: one a line, `#` begins a comment, `#NUMERIC_ONLY#` marks those that count before a number. */
function parsePrefixes(text: string): Map<string, NonbreakingKind> {
  const prefixes = new Map<string, NonbreakingKind>();
  for (const line of text.split(/\r?\n/)) {
    const [prefix, mark] = line.trim().split(/\s+/);
    if (prefix === "" || prefix.startsWith("#")) continue;
    prefixes.set(prefix, mark === "#NUMERIC_ONLY#" ? "beforeNumber" : "always");
  }
  return prefixes;
}

/**
 * Reads what a folder holds of METEOR 1.5's files; for a list that is not there riverrun's own stands in, and the
 * modules of a table that is not there do not run. {@link MeteorTables.missing} says which.
 *
 * The paraphrases take 3 to 6 s to read; {@link withParaphrases} reads them alone, for known words.
 */
export async function loadMeteorTables(folder: string = meteorFolder()): Promise<MeteorTables> {
  return withParaphrases(readSmallTables(folder), folder);
}

/** {@link loadMeteorTables} without the paraphrases (0.2 s). */
export function readSmallTables(folder: string): MeteorTables {
  const { paraphrases, ...lists } = meteorFiles;
  const texts = readTexts(folder, Object.values(lists));
  const words = texts.get(lists.functionWords);
  const prefixes = texts.get(lists.nonbreaking);
  const synsets = texts.get(lists.synsets);
  const exceptions = texts.get(lists.exceptions);
  return {
    functionWords: words === undefined ? functionWords : new Set(words.split(/\r?\n/).filter((word) => word !== "")),
    nonbreaking: prefixes === undefined ? nonbreakingPrefixes : parsePrefixes(prefixes),
    ...(synsets === undefined || exceptions === undefined
      ? {}
      : {
          synonyms: new SynonymDictionary(synsets, exceptions, {
            synsets: join(folder, lists.synsets),
            exceptions: join(folder, lists.exceptions),
          }),
        }),
    missing: [
      ...Object.values(lists).filter((name) => !texts.has(name)),
      ...(existsSync(join(folder, paraphrases)) ? [] : [paraphrases]),
    ],
  };
}

/**
 * Tables with the folder's paraphrases, where it has them.
 *
 * @param words where given, only entries of these words are kept, which is enough for texts made of them.
 */
export async function withParaphrases(
  tables: MeteorTables,
  folder: string,
  words?: Iterable<string>,
): Promise<MeteorTables> {
  const path = join(folder, meteorFiles.paraphrases);
  return existsSync(path) ? { ...tables, paraphrases: await ParaphraseTable.read(path, words) } : tables;
}
