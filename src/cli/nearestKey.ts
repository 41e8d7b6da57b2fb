/** The key of a configuration that a misspelt one is likely to mean. */

/** Levenshtein's distance: the fewest letters to insert, delete or replace. */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      next.push(Math.min(row[j + 1] + 1, next[j] + 1, row[j] + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}

/** All keys of nested objects, as "train.maxSteps"; "train" is one, too. */
function pathsOf(value: object): string[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const isObject = typeof inner === "object" && inner !== null && !Array.isArray(inner);
    return [key, ...(isObject ? pathsOf(inner).map((path) => `${key}.${path}`) : [])];
  });
}

/** "train.maxSteps" as "train" and "maxSteps". */
function parted(path: string): readonly [string, string] {
  const at = path.lastIndexOf(".");
  return [path.slice(0, Math.max(at, 0)), path.slice(at + 1)];
}

/** No key is as long; what is, is no key that somebody misspelt, and a damaged file may hold one of megabytes. */
const longestPath = 100;
/** Share of a key's letters that may be wrong. */
const mostWrong = 0.4;

/**
 * The key of `known` whose name is nearest to that of `path`, of equally near ones that whose group is; undefined where none
 * is near. Another group alone does not make a key another: "maxSteps" means "train.maxSteps".
 */
function nearestKey(path: string, known: object): string | undefined {
  if (path.length > longestPath) return undefined;
  const [group, name] = parted(path.toLowerCase());
  let best: { readonly key: string; readonly distance: number } | undefined;
  for (const key of pathsOf(known)) {
    const [otherGroup, otherName] = parted(key.toLowerCase());
    const wrong = edits(name, otherName);
    if (wrong > mostWrong * Math.max(name.length, otherName.length)) continue;
    const distance = wrong + edits(group, otherGroup) / (1 + Math.max(group.length, otherGroup.length));
    if (!best || distance < best.distance) best = { key, distance };
  }
  return best?.key;
}

/** That a configuration like `known` has no such key, and which one may have been meant. */
export function noSuchKey(path: string, known: object): string {
  const nearest = nearestKey(path, known);
  return `there is no key "${path}"${nearest === undefined ? "" : ` (did you mean ${nearest}?)`}`;
}
