/**
 * Densities, latents and gradients of small flows against golden files of the independent PyTorch implementation in
 * test/peer/python (docs/oracles.md). The models are built anew, saved and loaded; a digest says whether they are the
 * ones that the files were made from.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadModel, saveModel } from "../../src/flow/index.ts";
import { scope, setThreads } from "../../src/torch/index.ts";
import { buildModel, digestOf, noiseOf, type PeerCase, peerCases, peerTexts } from "./cases.ts";
import { ourFigures, rowParts } from "./ours.ts";

setThreads(1);
const folder = join(import.meta.dirname, "golden");

/** What says a gradient of n entries: its norm, its product with cos(1), cos(2), ..., cos(n), its largest entry. */
interface Fingerprint {
  readonly norm: number;
  readonly projection: number;
  /** Place in row-major order, and value. */
  readonly largest: readonly [number, number];
}

type Golden = Readonly<Record<(typeof rowParts)[number], readonly number[]>> & {
  readonly command: string;
  readonly weights: string;
  readonly texts: readonly (readonly number[])[];
  /** Of each text, positions x D numbers. */
  readonly latents: readonly (readonly number[])[];
  readonly gradients: Readonly<Record<string, Fingerprint>>;
};

const goldenOf = (name: string): Golden => JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as Golden;

/** max |a - b| over the largest |b|, or over `floor` where that is larger. */
function relative(ours: ArrayLike<number>, theirs: readonly number[], floor = 0): number {
  expect(ours.length).toBe(theirs.length);
  const difference = Math.max(...theirs.map((value, index) => Math.abs(ours[index] - value)));
  const scale = Math.max(floor, ...theirs.map(Math.abs));
  return scale > 0 ? difference / scale : difference;
}

function fingerprintOf(values: readonly number[], place: number): Fingerprint {
  return {
    norm: Math.hypot(...values),
    projection: values.reduce((sum, value, index) => sum + value * Math.cos(index + 1), 0),
    largest: [place, values[place]],
  };
}

/** The largest difference between two fingerprints, relative to the norm of the gradient. */
function gradientDifference(values: readonly number[], golden: Fingerprint, floor: number): number {
  const ours = fingerprintOf(values, golden.largest[0]);
  const scale = Math.max(golden.norm, floor);
  return (
    Math.max(
      Math.abs(ours.norm - golden.norm),
      Math.abs(ours.projection - golden.projection),
      Math.abs(ours.largest[1] - golden.largest[1]),
    ) / scale
  );
}

let models: string;
beforeAll(() => {
  models = mkdtempSync(join(tmpdir(), "riverrun-peer-"));
  for (const peerCase of peerCases) {
    scope(() => {
      const model = buildModel(peerCase);
      saveModel(model, join(models, peerCase.name));
      model.dispose();
    });
  }
});
afterAll(() => {
  rmSync(models, { recursive: true, force: true });
});

/** Fails where a figure of the case differs from the golden file by more than `tolerance`, relative. */
function checkCase({ name }: PeerCase, dtype: "float64" | "float32", tolerance: number): void {
  const golden = goldenOf(name);
  scope(() => {
    const model = loadModel(join(models, name), { precision: dtype });
    const texts = peerTexts.map((text) => model.prepare(text));
    const noise = noiseOf(name, model.config, texts);
    const { rows, latents, gradients } = ourFigures(model, texts, noise);
    expect(texts.map(({ ids }) => ids)).toEqual(golden.texts);
    for (const part of rowParts) {
      const values = rows[part].toNumbers();
      expect(rows[part].dtype).toBe("float64");
      golden[part].forEach((value, row) => {
        expect(relative([values[row]], [value], 1), `${part} of text ${row}`).toBeLessThanOrEqual(tolerance);
      });
    }
    golden.latents.forEach((values, row) => {
      const whole = latents.select(0, row).toNumbers();
      const difference = relative(whole.slice(0, values.length), values);
      expect(difference, `latents of text ${row}`).toBeLessThanOrEqual(tolerance);
      expect(whole.slice(values.length).every((value) => value === 0)).toBe(true);
    });
    expect([...gradients.keys()].sort()).toEqual(Object.keys(golden.gradients).sort());
    const floor = 1e-3 * Math.max(...Object.values(golden.gradients).map(({ norm }) => norm));
    for (const [parameter, gradient] of gradients) {
      const difference = gradientDifference(gradient.toNumbers(), golden.gradients[parameter], floor);
      expect(difference, `gradient of ${parameter}`).toBeLessThanOrEqual(tolerance);
    }
    model.dispose();
  });
}

test("there is a golden file for every case and no other, and each says how it was made", () => {
  expect(readdirSync(folder).sort()).toEqual(peerCases.map(({ name }) => `${name}.json`).sort());
  for (const { name } of peerCases) expect(goldenOf(name).command).toMatch(/^npm run oracle/);
});

describe.each(peerCases)("$name", (peerCase) => {
  test("the model is the one that the golden file was made from", () => {
    scope(() => {
      const model = loadModel(join(models, peerCase.name));
      const cure =
        "the model of the case has changed: make the golden files anew with npm run oracle -- torch --golden";
      expect(digestOf(model), cure).toBe(goldenOf(peerCase.name).weights);
      model.dispose();
    });
  });

  test("float64: density, log-determinant, bound, latents and gradients agree with the peer to 1e-9", () => {
    checkCase(peerCase, "float64", 1e-9);
  });

  test("float32: they agree to 1e-5", () => {
    checkCase(peerCase, "float32", 1e-5);
  });
});
