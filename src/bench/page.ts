/** The figures of a run as a page with plots. */
import * as Plot from "@observablehq/plot";
import { type Block, colours, heading, type Page, paragraph, svgOf, tableOf } from "../experiments/document.ts";
import type { Growth } from "./costs.ts";
import { type Figure, isWorse } from "./figures.ts";

/** What a page shows. */
export interface BenchRun {
  readonly figures: readonly Figure[];
  readonly growth: readonly Growth[];
  readonly quick: boolean;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
}

const shown = (value: number): string => value.toPrecision(3);

function table(figures: readonly Figure[]): Block {
  return tableOf(
    ["figure", "divided by", "ratio", "better", "recorded", "now / recorded"],
    figures.map((figure) => {
      const { figure: name, of, ratio, better, recorded, change, skipped, failed } = figure;
      const word = failed ? `failed: ${failed}` : skipped ? `skipped: ${skipped}` : "";
      const value = ratio === undefined ? word : shown(ratio);
      return [
        name,
        of,
        value,
        better ?? "",
        recorded === undefined ? "" : shown(recorded),
        change === undefined ? "" : `${shown(change)}${isWorse(figure) ? " (worse)" : ""}`,
      ];
    }),
  );
}

/** Bars of the ratios to one thing, with a line where both are equal. */
function bars(figures: readonly Figure[], of: string, name: string, title: string): Block[] {
  const own = figures.flatMap(({ figure, of: divisor, ratio, better }) =>
    divisor === of && ratio !== undefined ? [{ figure, ratio, better: `${better} is better` }] : [],
  );
  if (own.length === 0) return [];
  const svg = svgOf(
    {
      height: 60 + 28 * own.length,
      marginLeft: 180,
      x: { label: title },
      y: { domain: own.map(({ figure }) => figure), label: null },
      color: { domain: ["higher is better", "lower is better"], range: [colours[0], colours[1]], legend: false },
      marks: [
        Plot.barX(own, { x: "ratio", y: "figure", fill: "better" }),
        Plot.text(own, {
          x: "ratio",
          y: "figure",
          text: ({ ratio }: { readonly ratio: number }) => shown(ratio),
          dx: 6,
          textAnchor: "start",
          fill: "currentColor",
        }),
        Plot.ruleX([0]),
        Plot.ruleX([1], { stroke: "currentColor", strokeDasharray: "5 4" }),
      ],
    },
    `${title}: ${own.map(({ figure, ratio }) => `${figure} ${shown(ratio)}`).join(", ")}`,
  );
  const caption = `${title}; the dashed line is 1. Blue: higher is better; orange: lower is better.`;
  return [{ kind: "figure", name: `bench-${name}.svg`, svg, caption }];
}

/** Milliseconds over one size, both logarithmic: a straight line of slope 1 is proportional. */
function growthPlot({ size, name, points, exponent }: Growth): Block {
  const lines = points.flatMap(({ value, stepMs, inverseMs }) => [
    { value, ms: stepMs, kind: "training step" },
    ...(inverseMs === undefined ? [] : [{ value, ms: inverseMs, kind: "inverse" }]),
  ]);
  const svg = svgOf(
    {
      height: 260,
      marginLeft: 60,
      x: { type: "log", label: name, ticks: points.map(({ value }) => value), tickFormat: "d" },
      y: { type: "log", label: "milliseconds", tickFormat: "~g" },
      color: { domain: ["training step", "inverse"], range: [colours[0], colours[1]] },
      marks: [
        Plot.line(lines, { x: "value", y: "ms", z: "kind", stroke: "kind", strokeWidth: 1.8 }),
        Plot.dot(lines, { x: "value", y: "ms", fill: "kind", r: 3 }),
      ],
    },
    `milliseconds over ${name}: ${lines.map(({ kind, value, ms }) => `${kind} at ${value} ${shown(ms)}`).join(", ")}`,
  );
  const inverse = points.some(({ inverseMs }) => inverseMs !== undefined) ? ", of an inverse (orange)" : "";
  return {
    kind: "figure",
    name: `bench-cost-${size}.svg`,
    svg,
    caption: `Time of a training step (blue)${inverse} as ${name} grow, logarithmic; the step's time grows with the power ${exponent.toFixed(2)} at the end.`,
  };
}

/** What a step of each preset takes, and how much of that is weights, gradients and moments. */
function memoryPlot(figures: readonly Figure[]): Block[] {
  const own = figures.flatMap(({ details }) => {
    const { preset, stateMb, baseRssMb, peakRssMb } = (details ?? {}) as Record<string, unknown>;
    if (typeof preset !== "string" || typeof stateMb !== "number" || typeof baseRssMb !== "number") return [];
    const rest = Math.max(0, Number(peakRssMb) - baseRssMb - stateMb);
    return [
      { preset, part: "Node.js and libtorch", mb: baseRssMb },
      { preset, part: "weights, gradients, moments", mb: stateMb },
      { preset, part: "everything else", mb: rest },
    ];
  });
  if (own.length === 0) return [];
  const presets = [...new Set(own.map(({ preset }) => preset))];
  const parts = [...new Set(own.map(({ part }) => part))];
  const svg = svgOf(
    {
      height: 60 + 28 * presets.length,
      marginLeft: 140,
      x: { label: "megabytes at the peak of a training step" },
      y: { domain: presets, label: null },
      color: { domain: parts, range: [colours[7], colours[0], colours[1]] },
      marks: [Plot.barX(own, { x: "mb", y: "preset", fill: "part" }), Plot.ruleX([0])],
    },
    `megabytes of a training step: ${own.map(({ preset, part, mb }) => `${preset} ${part} ${mb.toFixed(0)}`).join(", ")}`,
  );
  const caption =
    "Peak memory of a process that does training steps: Node.js and libtorch (grey), weights with gradients and moments (blue), everything else (orange).";
  return [{ kind: "figure", name: "bench-memory.svg", svg, caption }];
}

/** A heading where something stands below it. */
function section(title: string, blocks: readonly Block[]): Block[] {
  return blocks.length > 0 ? [heading(title), ...blocks] : [];
}

/** The page. */
export function benchPage({ figures, growth, quick, machine, versions }: BenchRun): Page {
  const software = Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ");
  const worse = figures.filter(isWorse);
  const compared = figures.filter(({ change }) => change !== undefined).length;
  const verdict =
    compared === 0
      ? "There are no recorded ratios of such a run to compare with."
      : `${worse.length} of ${compared} figures are worse than recorded by more than a tenth${worse.length > 0 ? `: ${worse.map(({ figure, of }) => `${figure} / ${of}`).join(", ")}` : ""}.`;
  return {
    title: "riverrun: speed and memory",
    lead: `${machine}; ${software}. ${quick ? "A quick run with small sizes. " : ""}Every figure is divided by something that was measured in the same run; docs/benchmarks.md says what each is.`,
    blocks: [
      paragraph(verdict),
      table(figures),
      ...section("Beside PyTorch", bars(figures, "PyTorch", "pytorch", "times as fast as PyTorch, or as much memory")),
      ...section("Beside the machine's matrix-product peak", bars(figures, "GEMM peak", "peak", "share of the peak")),
      ...section("As sizes grow", growth.map(growthPlot)),
      ...section("Memory", memoryPlot(figures)),
    ],
  };
}
