/** Curves over training steps as inline SVG. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { MetricsRow } from "../train/index.ts";
import { escape } from "./html.ts";

/** One line of a plot. */
export interface Curve {
  /** What the legend calls it. */
  readonly name: string;
  readonly split: MetricsRow["split"];
  /** The metric of metrics.jsonl. */
  readonly metric: string;
}

/** A horizontal line to compare with. */
export interface Rule {
  readonly name: string;
  readonly value: number;
}

/** What a plot shows. */
export interface PlotOptions {
  readonly title: string;
  /** Name and unit of the vertical axis. */
  readonly label: string;
  readonly curves: readonly Curve[];
  readonly rule?: Rule;
}

/** Tableau's ten colours in a brightness that stands out on white and on black. */
export const colours = [
  "#4e79a7",
  "#e8812a",
  "#3f9c5a",
  "#d4504f",
  "#8f6bb8",
  "#a0705b",
  "#d472b0",
  "#7f8286",
  "#a8a32c",
  "#2ea5b4",
] as const;

interface Point {
  readonly step: number;
  readonly value: number;
  readonly name: string;
}

function pointsOf(rows: readonly MetricsRow[], { name, split, metric }: Curve): Point[] {
  return rows.flatMap((row) => {
    const value = row[metric];
    return row.split === split && typeof value === "number" ? [{ step: row.step, value, name }] : [];
  });
}

/** Colours mapped to names, the rule last. */
function legend(names: readonly string[], rule: Rule | undefined): string {
  const swatch = (style: string, name: string): string =>
    `<span class="entry"><span class="swatch" style="${style}"></span>${escape(name)}</span>`;
  const entries = names.map((name, index) => swatch(`border-color:${colours[index % colours.length]}`, name));
  if (rule) entries.push(swatch("border-top-style:dashed", `${rule.name}: ${rule.value.toFixed(3)}`));
  return `<figcaption>${entries.join("")}</figcaption>`;
}

/**
 * A figure with one line a curve, a legend, and a dashed rule; a sentence where nothing was logged. A curve of few points
 * has dots, so that one alone can be seen.
 */
export function plot(rows: readonly MetricsRow[], { title, label, curves, rule }: PlotOptions): string {
  const drawn = curves
    .map((curve) => ({ curve, points: pointsOf(rows, curve) }))
    .filter(({ points }) => points.length > 0);
  const heading = `<h2>${escape(title)}</h2>`;
  if (drawn.length === 0) return `${heading}<p>Nothing was logged yet.</p>`;
  const names = drawn.map(({ curve }) => curve.name);
  const points = drawn.flatMap((one) => one.points);
  const few = drawn.filter((one) => one.points.length <= 40).flatMap((one) => one.points);
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const svg = Plot.plot({
    document,
    width: 760,
    height: 300,
    marginLeft: 60,
    marginRight: 20,
    grid: true,
    x: { label: "step", tickFormat: (step: number) => (Number.isInteger(step) ? String(step) : "") },
    y: { label },
    color: { domain: names, range: names.map((_, index) => colours[index % colours.length]) },
    marks: [
      ...(rule === undefined ? [] : [Plot.ruleY([rule.value], { stroke: "currentColor", strokeDasharray: "5 4" })]),
      Plot.line(points, { x: "step", y: "value", z: "name", stroke: "name", strokeWidth: 1.8 }),
      Plot.dot(few, { x: "step", y: "value", fill: "name", r: 2.5 }),
    ],
  });
  svg.setAttribute("role", "img");
  const ends = drawn.map(
    ({ curve, points: own }) => `${curve.name} ends at ${own[own.length - 1].value.toPrecision(4)}`,
  );
  svg.setAttribute("aria-label", `${label} over training steps: ${ends.join(", ")}`);
  return `${heading}<figure>${svg.outerHTML}${legend(names, rule)}</figure>`;
}
