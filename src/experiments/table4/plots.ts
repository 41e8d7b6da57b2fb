/** Table 4 as plots. */
import * as Plot from "@observablehq/plot";
import { type Block, colours, svgOf } from "../document.ts";
import { shown } from "../figures.ts";
import type { RunResult } from "../results.ts";
import type { Table4Row } from "./summary.ts";

const colourOf = (names: readonly string[]): Plot.ScaleOptions => ({
  domain: [...names],
  range: names.map((_, index) => colours[index % colours.length]),
});

/** Names in their colours above the frame, so that a plot can be read without its caption. */
function legend(entries: readonly string[]): Plot.Markish[] {
  const letter = 7;
  const gap = 18;
  let dx = 0;
  return entries.map((entry, index) => {
    const mark = Plot.text([entry], {
      text: [entry],
      frameAnchor: "top-left",
      textAnchor: "start",
      fontWeight: 600,
      fill: colours[index % colours.length],
      dx,
      dy: -16,
    });
    dx += letter * entry.length + gap;
    return mark;
  });
}

/** A row's dot. */
interface NatsPoint {
  readonly model: string;
  readonly mean: number;
}

function figuresBeside(points: readonly NatsPoint[], anchor: "start" | "end"): Plot.Markish {
  return Plot.text([...points], {
    x: "mean",
    y: "model",
    text: ({ mean }: NatsPoint) => shown(mean, mean < 20 ? 2 : 0),
    dx: anchor === "start" ? 9 : -9,
    textAnchor: anchor,
    fill: "currentColor",
  });
}

/** Every row's nats per token, a line a model and a dot a data set, on a logarithmic axis. */
export function natsPlot(rows: readonly Table4Row[]): Block | undefined {
  const sets = [...new Set(rows.map(({ data }) => data))];
  const points = rows.flatMap(({ model, data, nelboPerToken: { mean, sd } }) =>
    mean === null || sd === null ? [] : [{ model, data, mean, low: Math.max(mean / 2, mean - sd), high: mean + sd }],
  );
  if (points.length === 0) return undefined;
  const models = [...new Set(points.map(({ model }) => model))];
  // The figure of the lowest of a line stands before its dot, so that it is not under the next one.
  const isLowest = ({ model, mean }: NatsPoint): boolean =>
    points.every((other) => other.model !== model || other.mean >= mean);
  const [lowest, others] = [points.filter(isLowest), points.filter((point) => !isLowest(point))];
  const label = `nats per token: ${rows.map((row) => `${row.model} on ${row.data} ${shown(row.nelboPerToken.mean)}`).join(", ")}`;
  const svg = svgOf(
    {
      height: 70 + 26 * models.length,
      marginTop: 30,
      x: {
        type: "log",
        label: "nats per token (lower is better)",
        tickFormat: "~g",
        ticks: 6,
        domain: [0.7 * Math.min(...points.map(({ low }) => low)), 1.4 * Math.max(...points.map(({ high }) => high))],
      },
      y: { domain: models, label: null },
      color: colourOf(sets),
      marks: [
        Plot.ruleY(points, { y: "model", x1: "low", x2: "high", stroke: "data", strokeWidth: 2 }),
        Plot.dot(points, { x: "mean", y: "model", fill: "data", r: 5 }),
        ...legend(sets),
        ...[figuresBeside(lowest, "end"), figuresBeside(others, "start")],
      ],
    },
    label,
  );
  const caption = `Nats per token on the reported texts, logarithmic. ${sets.map((set, index) => `${set}: ${names[index % names.length]}`).join("; ")}.`;
  return { kind: "figure", name: "table4-nats.svg", svg, caption };
}

/** The colours by name, for a caption that also reads without them. */
const names = ["blue", "orange", "green", "red", "violet", "brown", "pink", "grey", "olive", "teal"] as const;

/** Beside a bar so many times as long, what the shortest is made of cannot be seen. */
const visibleTimes = 20;

/** What each bound is made of, per token: the density above the noise, reading the words, the length. */
export function partsPlot(rows: readonly Table4Row[], data: string): Block | undefined {
  const flows = rows.flatMap((row) =>
    row.data === data && row.excessOverFloorNatsPerToken !== null
      ? [{ ...row, mean: row.nelboPerToken.mean ?? 0 }]
      : [],
  );
  if (flows.length === 0) return undefined;
  const most = visibleTimes * Math.min(...flows.map(({ mean }) => mean));
  const own = flows.filter(({ mean }) => mean <= most);
  const left = flows.filter(({ mean }) => mean > most).map(({ model }) => model);
  const kinds = ["density above the noise", "words from points", "length"];
  const parts = own.flatMap((row) =>
    [row.excessOverFloorNatsPerToken, row.decodingNatsPerToken, row.lengthNatsPerToken].map((nats, index) => ({
      model: row.model,
      part: kinds[index],
      nats: Math.max(0, nats ?? 0),
    })),
  );
  const svg = svgOf(
    {
      height: 70 + 26 * own.length,
      marginTop: 30,
      x: { label: "nats per token" },
      y: { domain: own.map(({ model }) => model), label: null },
      color: colourOf(kinds),
      marks: [Plot.barX(parts, { x: "nats", y: "model", fill: "part" }), ...legend(kinds), Plot.ruleX([0])],
    },
    `parts of the bound on ${data}: ${own.map((row) => `${row.model} ${shown(row.excessOverFloorNatsPerToken)} above the noise`).join(", ")}`,
  );
  return {
    kind: "figure",
    name: `table4-parts-${data}.svg`,
    svg,
    caption: `What the bounds on ${data} are made of: the density's cost above that of the noise (blue), reading the words from the points (orange), the length (green).${left.length === 0 ? "" : ` Left out, as more than ${visibleTimes} times the lowest: ${left.join(", ")}.`}`,
  };
}

/** Labels from the highest down, each far enough below the one before that both can be read on a logarithmic axis. */
export function spread<Label extends { readonly value: number }>(
  labels: readonly Label[],
  apart: number,
): (Label & { readonly at: number })[] {
  let above = Number.POSITIVE_INFINITY;
  return [...labels]
    .sort((a, b) => b.value - a.value)
    .map((label) => {
      const at = Math.min(label.value, above / apart);
      above = at;
      return { ...label, at };
    });
}

/** Nats per token at the validations of the first seed. */
export function curvesPlot(results: readonly RunResult[], data: string): Block | undefined {
  const own = results.filter((result) => result.data === data && result.validations.length > 1);
  if (own.length === 0) return undefined;
  const [{ seed }] = own;
  const first = own.filter((result) => result.seed === seed);
  const points = first.flatMap(({ model, validations }) =>
    validations.map(({ step, value }) => ({ model, step, value })),
  );
  const ends = first.map(({ model, validations }) => ({ model, ...validations[validations.length - 1] }));
  const values = points.map(({ value }) => value);
  const labels = spread(ends, (Math.max(...values) / Math.min(...values)) ** (1 / 24));
  const svg = svgOf(
    {
      height: 420,
      marginRight: 130,
      marginLeft: 60,
      x: { label: "step" },
      y: { type: "log", label: "held-out nats per token", tickFormat: "~g" },
      color: colourOf(first.map(({ model }) => model)),
      marks: [
        Plot.line(points, { x: "step", y: "value", z: "model", stroke: "model", strokeWidth: 1.8 }),
        Plot.dot(points, { x: "step", y: "value", fill: "model", r: 2.5 }),
        Plot.text(labels, { x: "step", y: "at", text: "model", fill: "model", dx: 8, textAnchor: "start" }),
      ],
    },
    `held-out nats per token over training steps on ${data}: ${ends.map(({ model, value }) => `${model} ends at ${shown(value)}`).join(", ")}`,
  );
  return {
    kind: "figure",
    name: `table4-curves-${data}.svg`,
    svg,
    caption: `Nats per token on the texts that choose the step, on ${data}, seed ${seed}, at each validation; logarithmic.`,
  };
}
