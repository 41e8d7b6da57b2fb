/** Times of bodies that take turns, so that what else the machine does falls on all of them. */
import { scope } from "../torch/index.ts";

/** Milliseconds of each of `runs` runs. */
export type Timed = (runs: number) => Promise<number[]> | number[];

/** A body in this process, in a scope of its own. */
export function timedHere(body: () => void): Timed {
  return async (runs) => {
    const milliseconds: number[] = [];
    for (let run = 0; run < runs; run++) {
      const start = performance.now();
      scope(body);
      milliseconds.push(performance.now() - start);
      // What finalizers and closed handles have to say is no part of the next run.
      await new Promise(setImmediate);
    }
    return milliseconds;
  };
}

/** Times of ours and of the peer's, milliseconds; the latter empty without a peer. */
export interface SideBySide {
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
}

/**
 * `runs` runs of each side in blocks of three, a block of one after a block of the other, two to warm up before. The
 * order turns every time, so that none always comes after the other.
 */
export async function alternate(ours: Timed, theirs: Timed | undefined, runs: number): Promise<SideBySide> {
  const sides = [{ time: ours, milliseconds: [] as number[] }];
  if (theirs) sides.push({ time: theirs, milliseconds: [] });
  for (const { time } of sides) await time(2);
  for (let done = 0; done < runs; done += 3) {
    for (const { time, milliseconds } of sides) milliseconds.push(...(await time(Math.min(3, runs - done))));
    sides.reverse();
  }
  const of = (side: Timed | undefined): readonly number[] =>
    sides.find(({ time }) => time === side)?.milliseconds ?? [];
  return { ours: of(ours), theirs: of(theirs) };
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
