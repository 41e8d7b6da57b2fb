/** How the time of a training step grows with one size while the others stay. */
import { benchCausal } from "./causal.ts";
import { benchFlowStep, type FlowStepOptions } from "./flowStep.ts";

/** T, K, D, B of the non-autoregressive flow; V words of the left-to-right one. */
export type Size = "T" | "K" | "D" | "B" | "V";

/** One size, its values in order, and what each takes: the fastest runs. */
export interface Growth {
  readonly size: Size;
  readonly name: string;
  readonly points: readonly { readonly value: number; readonly stepMs: number; readonly inverseMs?: number }[];
  /** Slope of ln(ms) over ln(value) between the two largest values: 1 is proportional. */
  readonly exponent: number;
}

const names: Readonly<Record<Size, string>> = {
  T: "positions T",
  K: "steps K of a block",
  D: "channels D",
  B: "texts B of a batch",
  V: "words V of the codebook",
};

interface Plan {
  readonly base: Required<Pick<FlowStepOptions, "steps" | "levels" | "batch" | "positions" | "channels" | "repeats">>;
  readonly values: Readonly<Record<Size, readonly number[]>>;
  /** Texts of a step of the left-to-right flow. */
  readonly texts: number;
}

const full: Plan = {
  base: { steps: 4, levels: 2, batch: 16, positions: 64, channels: 120, repeats: 9 },
  values: {
    T: [16, 32, 64, 128, 256],
    K: [2, 4, 8, 16],
    D: [60, 120, 240, 480],
    B: [4, 8, 16, 32, 64],
    V: [1000, 4000, 16_000, 64_000],
  },
  texts: 16,
};

const quick: Plan = {
  base: { steps: 2, levels: 2, batch: 8, positions: 32, channels: 60, repeats: 9 },
  values: { T: [16, 32, 64], K: [2, 4, 8], D: [60, 120, 240], B: [8, 16, 32], V: [1000, 4000, 16_000] },
  texts: 8,
};

/** d ln(ms) / d ln(value) between the last two points. */
export function exponentOf(points: Growth["points"]): number {
  const [before, last] = points.slice(-2);
  return Math.log(last.stepMs / before.stepMs) / Math.log(last.value / before.value);
}

async function measure(plan: Plan, size: Size, value: number): Promise<Growth["points"][number]> {
  if (size === "V") {
    const { fastestStepMs } = await benchCausal({ words: value, batch: plan.texts, repeats: 9, decoding: false });
    return { value, stepMs: fastestStepMs };
  }
  const key = ({ T: "positions", K: "steps", D: "channels", B: "batch" } as const)[size];
  const { fastestStepMs, fastestInverseMs } = await benchFlowStep({ layout: "paper", ...plan.base, [key]: value });
  return { value, stepMs: fastestStepMs, inverseMs: fastestInverseMs };
}

/** Every size in turn. */
export async function* measureGrowth(isQuick: boolean): AsyncGenerator<Growth> {
  const plan = isQuick ? quick : full;
  for (const size of Object.keys(plan.values) as Size[]) {
    const points: Growth["points"][number][] = [];
    for (const value of plan.values[size]) points.push(await measure(plan, size, value));
    yield { size, name: names[size], points, exponent: exponentOf(points) };
  }
}
