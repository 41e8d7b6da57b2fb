import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { describe, expect, it, vi } from "vitest";
import { plot } from "../../src/report/curves.ts";
import { findingsOf, unigramEntropy, writeReport } from "../../src/report/index.ts";
import { Vocabulary } from "../../src/text/vocabulary.ts";
import { noGrad } from "../../src/torch/index.ts";
import { type MetricsRow, train } from "../../src/train/index.ts";
import { microConfig, microModel, scratch, texts } from "../train/support.ts";

const rows: MetricsRow[] = [1, 2, 3].flatMap((step): MetricsRow[] => [
  { step, split: "training", wall: step, loss: 3 - step, "latent 1": step },
  { step, split: "validation", wall: step, loss: 4 - step, nothing: null },
]);

const documentOf = (html: string): ReturnType<typeof parseHTML>["document"] =>
  parseHTML(`<!doctype html><html><body>${html}</body></html>`).document;

describe("plot", () => {
  const html = plot(rows, {
    title: "Loss & more",
    label: "nats",
    curves: [
      { name: "held <out>", split: "validation", metric: "loss" },
      { name: "training", split: "training", metric: "loss" },
      { name: "never logged", split: "training", metric: "nothing" },
    ],
    rule: { name: "floor", value: 0.25 },
  });
  const document = documentOf(html);

  it("maps every line's colour to its name in a legend, the rule with its value", () => {
    const strokes = [...document.querySelectorAll("g[aria-label=line] path")].map((path) =>
      path.getAttribute("stroke"),
    );
    const entries = [...document.querySelectorAll(".entry")].map((entry) => ({
      name: entry.textContent,
      style: entry.querySelector(".swatch")?.getAttribute("style") ?? "",
    }));
    expect(entries.map(({ name }) => name)).toEqual(["held <out>", "training", "floor: 0.250"]);
    expect(strokes).toHaveLength(2);
    expect(new Set(strokes).size).toBe(2);
    strokes.forEach((stroke, index) => {
      expect(entries[index].style).toBe(`border-color:${stroke}`);
    });
    expect(entries[2].style).toContain("dashed");
    expect(document.querySelectorAll('g[aria-label="rule"] [stroke-dasharray], g[stroke-dasharray]')).toHaveLength(1);
  });

  it("draws every point of its own split, and says in words where each line ends", () => {
    expect(document.querySelectorAll("g[aria-label=dot] circle")).toHaveLength(6);
    const label = document.querySelector("svg")?.getAttribute("aria-label");
    expect(label).toBe("nats over training steps: held <out> ends at 1.000, training ends at 0.000");
    expect(document.querySelector("h2")?.textContent).toBe("Loss & more");
  });

  it("of one step has dots and no warning of a curve a point", () => {
    const warn = vi.spyOn(console, "warn").mockReturnValue();
    const curves = (["training", "validation"] as const).map((split) => ({ name: split, split, metric: "loss" }));
    const short = plot(rows.slice(0, 2), { title: "Short", label: "x", curves });
    expect(documentOf(short).querySelectorAll("circle")).toHaveLength(2);
    expect(short).not.toContain("⚠");
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  it("of nothing is a sentence", () => {
    const curves = [{ name: "a", split: "training", metric: "nothing" }] as const;
    const empty = plot(rows, { title: "Empty", label: "x", curves });
    expect(documentOf(empty).querySelector("svg")).toBeNull();
    expect(empty).toContain("Nothing was logged yet.");
  });
});

it("unigram entropy counts words and <eos>, not <pad>", () => {
  // Two texts of one word each: a, b, and two <eos>: p = 1/4, 1/4, 1/2.
  const vocabulary = Vocabulary.build([["a"], ["b"]], { minCount: 1, specialCounts: { pad: 100, eos: 2 } });
  expect(unigramEntropy(vocabulary)).toBeCloseTo(0.5 * Math.log(4) + 0.5 * Math.log(2), 12);
});

describe("findings", () => {
  const model = microModel();
  const heldOut = texts.slice(0, 12).map((text) => model.prepare(text));

  it("are of the sizes asked for, and the same for a seed", () => {
    const options = { seed: 3, samples: 4, paths: 2, rewrittenTexts: 3, variants: 2, reconstructed: 10 };
    const findings = findingsOf(model, heldOut, options);
    expect(findings.samples).toHaveLength(4);
    expect(findings.paths).toHaveLength(2);
    expect(findings.rewrites).toHaveLength(6);
    expect(findings.totals.texts).toBe(10);
    expect(findingsOf(model, heldOut, options)).toEqual(findings);
    expect(findingsOf(model, heldOut, { ...options, seed: 4 }).samples).not.toEqual(findings.samples);
    const ends = findings.paths.map(({ between }) => [between[0].ratio, between[between.length - 1].ratio]);
    expect(ends).toEqual([
      [1, 0],
      [1, 0],
    ]);
  });

  it("make do with one held-out text", () => {
    const { paths, rewrites, totals } = findingsOf(model, heldOut.slice(0, 1), { seed: 1 });
    expect(paths).toEqual([]);
    expect(rewrites).toHaveLength(2);
    expect(totals.texts).toBe(1);
  });

  it("of a model whose numbers say no word name that, and the page is written all the same", () => {
    const broken = microModel();
    noGrad(() => {
      for (const parameter of broken.parameters()) parameter.mul_(1e30);
    });
    const { faults, samples, rewrites, paths } = findingsOf(broken, heldOut.slice(0, 4), { seed: 1 });
    broken.dispose();
    expect([samples, rewrites]).toEqual([[], []]);
    expect(paths.map(({ between }) => between)).toEqual([[], []]);
    expect(faults).toEqual(
      ["interpolations", "samples", "rewrites"].map((what) => expect.stringMatching(`^${what}: .*are not finite`)),
    );
    expect(findingsOf(model, heldOut.slice(0, 2), { seed: 1 }).faults).toEqual([]);
  });
});

describe("writeReport", () => {
  it("writes one file that needs nothing else: figures, five plots, twenty samples, five ways", async () => {
    const out = join(scratch(), "run");
    const result = await train({ config: microConfig(), texts, out });
    const { path, findings } = writeReport(out, result);
    result.model.dispose();
    const html = readFileSync(path, "utf8");
    expect(html).not.toMatch(/(src|href)="|@import|url\(/);
    const { document } = parseHTML(html);
    expect(document.querySelectorAll("figure svg")).toHaveLength(5);
    const headings = [...document.querySelectorAll("h2")].map((heading) => heading.textContent);
    expect(headings).toEqual([
      "Held-out nats per token",
      "Bits per dimension",
      "Latent mean squares by block",
      "Gradient norm",
      "Learning rate",
      "Samples",
      "Interpolations",
      "Rewrites",
      "Reconstruction",
    ]);
    const cells = [...document.querySelectorAll("td")].map((cell) => cell.textContent);
    expect(cells).toContain(result.validation?.nelboPerToken.toFixed(4));
    expect(cells).toContain(findings.unigramEntropy.toFixed(4));
    for (let seed = 7; seed < 27; seed++) expect(cells).toContain(String(seed));
    expect(document.querySelectorAll("table.narrow")).toHaveLength(5);
    expect(document.querySelector(".lead")?.textContent).toContain("Trained for all 10 steps.");
    expect(document.querySelector("footer")?.textContent).toMatch(/^Step 10 of 10; seed 7; .*libtorch 2/);
  });

  it("of an interrupted training says so", async () => {
    const out = join(scratch(), "run");
    const result = await train({ config: microConfig(), texts, out, interrupted: () => "SIGTERM" }).catch(
      () => undefined,
    );
    expect(result).toBeUndefined();
    let at = 0;
    const later = await train({
      config: microConfig(),
      texts,
      out,
      resume: true,
      onEveryStep: ({ step }) => {
        at = step;
      },
      interrupted: () => (at >= 2 ? "SIGTERM" : undefined),
    });
    const html = readFileSync(writeReport(out, later).path, "utf8");
    later.model.dispose();
    expect(html).toContain("Interrupted after step 2 by SIGTERM; the training can be resumed.");
    expect(html).toContain("not validated yet");
    expect(html).toContain("Nothing was logged yet.");
  });
});
