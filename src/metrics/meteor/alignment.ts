/** METEOR 1.5's alignment of a hypothesis with a reference: all matches, then a beam search for the best set of them. */

/** Modules in their order; a match knows which one made it. */
export const moduleNames = ["exact", "stem", "synonym", "paraphrase"] as const;

/** One of {@link moduleNames}. */
export type ModuleName = (typeof moduleNames)[number];

/** Words of the reference that may stand for words of the hypothesis. */
export interface Match {
  /** First word in the reference, and how many. */
  readonly start: number;
  readonly length: number;
  /** First word in the hypothesis, and how many. */
  readonly hypothesisStart: number;
  readonly hypothesisLength: number;
  readonly module: ModuleName;
}

/** Matches of a pair of texts, by their first word in the reference. */
export class MatchTable {
  readonly byStart: Match[][];
  /** How many matches cover each word. */
  readonly referenceCover: Int32Array;
  readonly hypothesisCover: Int32Array;

  constructor(hypothesisLength: number, referenceLength: number) {
    this.byStart = Array.from({ length: referenceLength }, () => []);
    this.referenceCover = new Int32Array(referenceLength);
    this.hypothesisCover = new Int32Array(hypothesisLength);
  }

  add(module: ModuleName, start: number, length: number, hypothesisStart: number, hypothesisLength: number): void {
    this.byStart[start].push({ start, length, hypothesisStart, hypothesisLength, module });
    for (let k = 0; k < length; k++) this.referenceCover[start + k]++;
    for (let k = 0; k < hypothesisLength; k++) this.hypothesisCover[hypothesisStart + k]++;
  }
}

/** Paths kept at each step (METEOR 1.5's default). */
const beam = 40;

/** A partial alignment, from the first word of the reference on. */
class Path {
  matches: (Match | undefined)[];
  usedReference: Uint8Array;
  usedHypothesis: Uint8Array;
  /** Weighted covered words of both sides, cut to whole numbers after every match. */
  covered = 0;
  coveredReference = 0;
  chunks = 0;
  /** First word of the reference that is not decided. */
  next = 0;
  /** Where the open chunk ends in the hypothesis, -1 where none is open. */
  chunkEnd = -1;
  distance = 0;

  constructor(matches: (Match | undefined)[], usedReference: Uint8Array, usedHypothesis: Uint8Array) {
    this.matches = matches;
    this.usedReference = usedReference;
    this.usedHypothesis = usedHypothesis;
  }

  copy(): Path {
    const path = new Path(this.matches.slice(), this.usedReference.slice(), this.usedHypothesis.slice());
    path.covered = this.covered;
    path.coveredReference = this.coveredReference;
    path.chunks = this.chunks;
    path.next = this.next;
    path.chunkEnd = this.chunkEnd;
    path.distance = this.distance;
    return path;
  }

  isFree(match: Match): boolean {
    for (let k = 0; k < match.length; k++) if (this.usedReference[match.start + k] === 1) return false;
    for (let k = 0; k < match.hypothesisLength; k++) {
      if (this.usedHypothesis[match.hypothesisStart + k] === 1) return false;
    }
    return true;
  }

  use(match: Match): void {
    this.matches[match.start] = match;
    this.usedReference.fill(1, match.start, match.start + match.length);
    this.usedHypothesis.fill(1, match.hypothesisStart, match.hypothesisStart + match.hypothesisLength);
  }

  /** Counts a match that begins at `next`. */
  count(match: Match): void {
    // The counters of METEOR 1.5 are whole numbers: half a word of a one-word match that is not exact is lost.
    const weight = match.module === "exact" ? 1 : 0.5;
    this.covered = Math.trunc(this.covered + match.hypothesisLength * weight);
    this.coveredReference = Math.trunc(this.coveredReference + match.length * weight);
    if (this.chunkEnd !== -1 && match.hypothesisStart !== this.chunkEnd) this.chunks++;
    this.next = match.start + match.length;
    this.chunkEnd = match.hypothesisStart + match.hypothesisLength;
  }
}

/** More covered words first, then fewer chunks, then the shorter distance. */
function compare(a: Path, b: Path): number {
  return (
    b.covered + b.coveredReference - (a.covered + a.coveredReference) || a.chunks - b.chunks || a.distance - b.distance
  );
}

function distanceOf(match: Match): number {
  return Math.abs(match.start - match.hypothesisStart);
}

/** A match whose words no other match covers belongs to every alignment. */
function isCertain(table: MatchTable, { start, length, hypothesisStart, hypothesisLength }: Match): boolean {
  for (let k = 0; k < length; k++) if (table.referenceCover[start + k] !== 1) return false;
  for (let k = 0; k < hypothesisLength; k++) if (table.hypothesisCover[hypothesisStart + k] !== 1) return false;
  return true;
}

/** What {@link Path} becomes at word `current` of the reference: itself further on, and a copy for every match. */
function extend(path: Path, current: number, candidates: readonly Match[], extended: Path[]): void {
  if (path.usedReference[current] === 1) {
    if (current < path.next) extended.push(path);
    else {
      const match = path.matches[path.next];
      if (match === undefined) return;
      path.count(match);
      path.distance += distanceOf(match);
      extended.push(path);
    }
    return;
  }
  for (const match of candidates) {
    if (!path.isFree(match)) continue;
    const copy = path.copy();
    copy.use(match);
    copy.count(match);
    // METEOR 1.5 adds the distance to the path that was copied, not to the copy: it weighs on the alternatives after.
    path.distance += distanceOf(match);
    extended.push(copy);
  }
  if (path.chunkEnd !== -1) {
    path.chunks++;
    path.chunkEnd = -1;
  }
  path.next++;
  extended.push(path);
}

/**
 * The best alignment: for every word of the reference the match that begins there, or undefined. Best is the most
 * covered words (an exact word counts 1, another 0.5, in whole-number counters), then the fewest chunks, then the
 * shortest distance; found by a beam of 40 partial alignments from left to right (Denkowski and Lavie 2014).
 */
export function bestAlignment(table: MatchTable): readonly (Match | undefined)[] {
  const { length } = table.byStart;
  const start = new Path(
    new Array<Match | undefined>(length).fill(undefined),
    new Uint8Array(length),
    new Uint8Array(table.hypothesisCover.length),
  );
  for (const matches of table.byStart) {
    if (matches.length === 1 && isCertain(table, matches[0])) start.use(matches[0]);
  }
  let paths = [start];
  for (let current = 0; current < length; current++) {
    if (paths.length > 1) paths.sort(compare);
    const extended: Path[] = [];
    for (let rank = 0; rank < beam && rank < paths.length; rank++) {
      extend(paths[rank], current, table.byStart[current], extended);
    }
    // As METEOR does where every path has run into words that are taken: the best one stays as it is.
    paths = extended.length > 0 ? extended : [paths[0]];
  }
  paths.sort(compare);
  paths.length = Math.min(paths.length, beam);
  for (const path of paths) if (path.chunkEnd !== -1) path.chunks++;
  return paths.sort(compare)[0].matches;
}

/** Chunks: runs of matches that are adjacent and in the same order in both texts. */
export function countChunks(matches: readonly (Match | undefined)[]): number {
  let chunks = 0;
  let chunkEnd = -1;
  for (let at = 0; at < matches.length; ) {
    const match = matches[at];
    if (match === undefined) {
      if (chunkEnd !== -1) chunks++;
      chunkEnd = -1;
      at++;
    } else {
      if (chunkEnd !== -1 && match.hypothesisStart !== chunkEnd) chunks++;
      at = match.start + match.length;
      chunkEnd = match.hypothesisStart + match.hypothesisLength;
    }
  }
  return chunkEnd === -1 ? chunks : chunks + 1;
}
