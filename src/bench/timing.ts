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

/**
 * `runs` runs of every side in blocks, a block of one after a block of the other, `warmUp` runs of each before. The order
 * turns every time, so that none always comes after the same other.
 */
export async function takeTurns(
  sides: readonly Timed[],
  runs: number,
  { block, warmUp }: { readonly block: number; readonly warmUp: number },
): Promise<number[][]> {
  const milliseconds = sides.map((): number[] => []);
  const order = sides.map((_, index) => index);
  for (const index of order) await sides[index](warmUp);
  for (let done = 0; done < runs; done += block) {
    for (const index of order) milliseconds[index].push(...(await sides[index](Math.min(block, runs - done))));
    order.reverse();
  }
  return milliseconds;
}

/** Times of ours and of the peer's, milliseconds; the latter empty without a peer. */
export interface SideBySide {
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
}

/** Two sides in turns, in blocks of three, two runs to warm up before. */
export async function alternate(ours: Timed, theirs: Timed | undefined, runs: number): Promise<SideBySide> {
  const [own, other = []] = await takeTurns(theirs ? [ours, theirs] : [ours], runs, { block: 3, warmUp: 2 });
  return { ours: own, theirs: other };
}
