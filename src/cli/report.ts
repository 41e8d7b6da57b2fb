/** report.html of a training: curves, figures, samples; one file that needs nothing else. */
import { join } from "node:path";
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { writeFileAtomic } from "../base/atomicFile.ts";
import type { TextFlow } from "../flow/index.ts";
import type { Interpolation, ReconstructionTotals, Rewrite, Sample } from "../generate/index.ts";
import { type MetricsRow, readMetrics, type Validation } from "../train/index.ts";

/** What a report shows. */
export interface ReportData {
  readonly model: TextFlow;
  /** The model's folder, whose metrics.jsonl is plotted. */
  readonly directory: string;
  readonly parameters: number;
  readonly validation: Validation | undefined;
  readonly totals: ReconstructionTotals;
  readonly samples: readonly Sample[];
  readonly between: readonly Interpolation[];
  readonly rewrites: readonly Rewrite[];
  /** Unigram entropy of the training tokens, nats. */
  readonly entropy: number;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** Lines over steps as inline SVG; `rule` draws a labelled horizontal line. */
function curves(rows: readonly MetricsRow[], names: readonly string[], label: string, rule?: number): string {
  const points = rows.flatMap((row) =>
    names.flatMap((name) => (typeof row[name] === "number" ? [{ step: row.step, value: row[name], name }] : [])),
  );
  if (points.length === 0) return "<p>No values were logged.</p>";
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const plot = Plot.plot({
    document,
    width: 720,
    height: 280,
    marginLeft: 60,
    grid: true,
    x: { label: "step" },
    y: { label },
    color: { legend: false, scheme: "observable10" },
    marks: [
      Plot.line(points, { x: "step", y: "value", stroke: "name" }),
      ...(rule === undefined ? [] : [Plot.ruleY([rule], { stroke: "currentColor", strokeDasharray: "4 3" })]),
    ],
  });
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `${label} over training steps`);
  return `${plot.outerHTML}<p class="legend">${names.map(escape).join(", ")}${rule === undefined ? "" : `; dashed: ${rule.toFixed(3)}`}</p>`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, row: readonly string[]): string =>
    row.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join("");
  return `<table><thead><tr>${cells("th", head)}</tr></thead><tbody>${rows.map((row) => `<tr>${cells("td", row)}</tr>`).join("")}</tbody></table>`;
}

/** Writes the page atomically. @throws RiverrunError where it cannot be written */
export function writeReport(path: string, data: ReportData): void {
  const { model, validation, totals } = data;
  const rows = readMetrics(join(data.directory, "metrics.jsonl"));
  const training = rows.filter(({ split }) => split === "training");
  const held = rows.filter(({ split }) => split === "validation");
  const latents = Object.keys(training[0] ?? {}).filter((name) => name.startsWith("latent"));
  const figures = [
    ["nats per token, held out (upper bound)", validation?.nelboPerToken.toFixed(4) ?? "-"],
    ["unigram entropy of the training tokens, nats", data.entropy.toFixed(4)],
    ["bits per dimension, held out", validation?.bitsPerDim.toFixed(4) ?? "-"],
    ["noise floor, bits per dimension", validation?.floorBitsPerDim.toFixed(4) ?? "-"],
    ["tokens that come back from latent space", `${(100 * totals.tokenAccuracy).toFixed(2)} %`],
    ["parameters", String(data.parameters)],
    ["words in the vocabulary", String(model.vocabulary.size)],
  ];
  const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>riverrun: ${escape(model.config.preset)}</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 760px; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.2rem; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); vertical-align: top; }
svg { max-width: 100%; height: auto; background: transparent; } .legend { opacity: .75; font-size: .9rem; }
</style></head><body>
<h1>${escape(model.config.preset)}</h1>
<p>A continuous language flow. Nats per token is an upper bound on the negative log-likelihood of a token, in units of the natural logarithm: lower is better, and exp of it bounds the perplexity. Bits per dimension measure the noisy points themselves; no model's mean can be below the entropy of the noise.</p>
${table(["figure", "value"], figures)}
<h2>Held-out nats per token</h2>${curves(held, ["nelboPerToken"], "nats per token", data.entropy)}
<h2>Bits per dimension while training</h2>${curves(training, ["bitsPerDim"], "bits per dimension", validation?.floorBitsPerDim)}
<h2>Latent mean squares by block</h2><p>1 is the standard normal's.</p>${curves(training, latents, "mean square", 1)}
<h2>Gradient norm</h2>${curves(training, ["gradientNorm"], "norm")}
<h2>Samples</h2>${table(
    ["seed", "text"],
    data.samples.map(({ seed, text }) => [String(seed), text]),
  )}
<h2>Interpolation</h2>${table(
    ["ratio", "text"],
    data.between.map(({ ratio, text }) => [ratio.toFixed(1), text]),
  )}
<h2>Rewrites</h2>${table(
    ["source", "rewrite"],
    data.rewrites.map(({ source, text }) => [source, text]),
  )}
</body></html>
`;
  writeFileAtomic(path, html);
}
