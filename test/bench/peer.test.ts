/** The process that PyTorch runs in: what it is asked, what becomes of its faults, and that it computes the same. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareCausal } from "../../src/bench/causal.ts";
import { compareGradients, fingerprint } from "../../src/bench/fingerprint.ts";
import { benchFlowStep, compareFlowStep } from "../../src/bench/flowStep.ts";
import { benchOperator } from "../../src/bench/operator.ts";
import {
  besidePeer,
  demandSameGradients,
  demandSameOutput,
  findPeer,
  mostDifferenceIn,
  Peer,
  type PeerPlace,
  within,
} from "../../src/bench/peer.ts";
import { tensor } from "../../src/torch/index.ts";
import { scratch } from "../cli/support.ts";

/** A peer that is a Node.js program; `answer` is the body of a function of the request. */
function pretended(answer: string): PeerPlace {
  const program = join(scratch(), "peer.mjs");
  writeFileSync(
    program,
    `import { createInterface } from "node:readline";
const answer = (request) => { ${answer} };
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + "\\n");
}`,
  );
  return { python: process.execPath, program };
}

const opens = 'if (request.do === "open") return { torch: "0", parameters: 1 };';

describe("where the peer is", () => {
  it("is said to be missing where bench/peer or PyTorch is", () => {
    const clone = scratch();
    expect(findPeer(clone)).toEqual({ skipped: expect.stringContaining("part of a clone") });
    mkdirSync(join(clone, "bench", "peer"), { recursive: true });
    writeFileSync(join(clone, "bench", "peer", "main.py"), "");
    expect(findPeer(clone)).toEqual({ skipped: expect.stringContaining("npm run oracle -- torch") });
  });
});

describe("a measurement beside a peer", () => {
  it("has it while it lasts, and ends it whatever becomes of the measurement", async () => {
    const place = pretended(`${opens} return { pid: process.pid };`);
    let peer: Peer | undefined;
    const measured = besidePeer(place, async (given) => {
      peer = given;
      expect((await given?.ask({ do: "pid" }))?.pid).toEqual(expect.any(Number));
      throw new Error("sizes that cannot be");
    });
    await expect(measured).rejects.toThrow("sizes that cannot be");
    await expect(peer?.ask({ do: "pid" })).rejects.toThrow("ended without an answer");
  });

  it("is done alone where there is none, and says why where one was asked for", async () => {
    const measure = async (peer: Peer | undefined) => Promise.resolve({ alone: peer === undefined });
    expect(await besidePeer(undefined, measure)).toEqual({ alone: true });
    expect(await besidePeer({ skipped: "no PyTorch" }, measure)).toEqual({ alone: true, peerSkipped: "no PyTorch" });
  });
});

describe("a peer that is faulty", () => {
  it("ends with its last word", async () => {
    const place = pretended(`console.error("no such module"); process.exit(1);`);
    await expect(Peer.start(place)).rejects.toThrow("ended without an answer: no such module");
    await expect(Peer.start({ ...place, python: "/no/python" })).rejects.toThrow(/ended without an answer: .*ENOENT/);
  });

  it("is not timed where it refuses or computes something else", async () => {
    const refusing = await Peer.start(pretended(`${opens} return { error: "RuntimeError: shapes" };`));
    await expect(refusing.timed("step")(1)).rejects.toThrow("the PyTorch peer failed: RuntimeError: shapes");
    refusing.close();
    const gradients = new Map([["w", tensor([3, 4], [2])]]);
    const [norm, projection] = fingerprint(tensor([3, 4], [2]));
    const answers = `{ loss: 2, gradients: { w: [${norm}, ${projection}] } }`;
    const same = await Peer.start(pretended(`${opens} return ${answers};`));
    expect(await demandSameGradients(same, 2, gradients, within(1e-9))).toEqual({
      lossDifference: 0,
      gradientDifference: 0,
    });
    await expect(demandSameGradients(same, 2.1, gradients, within(1e-3))).rejects.toThrow(/loss 2 instead of 2.1/);
    const swapped = new Map([["w", tensor([4, 3], [2])]]);
    await expect(demandSameGradients(same, 2, swapped, within(1e-3))).rejects.toThrow(/gradients differ by .* \(w\)/);
    same.close();
    const other = await Peer.start(pretended(`${opens} return { output: [7, 5, 1] };`));
    await expect(demandSameOutput(other, "inverse", tensor([3, 4], [2]), 1e-3)).rejects.toThrow(
      /inverse gives something/,
    );
    other.close();
  });

  it("is held to bounds that are wider in bf16, but bounds", async () => {
    const gradients = new Map([["w", tensor([3, 4], [2])]]);
    const [norm, projection] = fingerprint(tensor([3, 4], [2]));
    const near = `{ loss: 2.0002, gradients: { w: [${norm}, ${projection + 0.1 * norm * 0.4}] } }`;
    const peer = await Peer.start(pretended(`${opens} return ${near};`));
    const { loss, gradient, output } = mostDifferenceIn("bf16");
    await demandSameGradients(peer, 2, gradients, { loss, gradient });
    await expect(demandSameGradients(peer, 2, gradients, mostDifferenceIn("float32"))).rejects.toThrow(/differ by/);
    await expect(demandSameGradients(peer, 2.001, gradients, { loss, gradient })).rejects.toThrow(/something else/);
    const tenth = new Map([["w", tensor([3.3, 4.4], [2])]]);
    await expect(demandSameGradients(peer, 2, tenth, { loss, gradient })).rejects.toThrow(/something else/);
    peer.close();
    const other = await Peer.start(pretended(`${opens} return { output: [5, ${norm * 1.01}, ${projection}] };`));
    await expect(demandSameOutput(other, "inverse", tensor([3, 4], [2]), output)).rejects.toThrow(/inverse gives/);
    other.close();
  });

  it("stops a bench instead of giving it figures", async () => {
    const place = pretended(`${opens} return { loss: 0, gradients: {} };`);
    const tiny = { steps: 1, levels: 1, batch: 1, positions: 4, channels: 6, heads: 2, repeats: 1, peer: place };
    await expect(benchFlowStep(tiny)).rejects.toThrow("the PyTorch peer computes something else");
  });
});

describe("fingerprints", () => {
  it("compare by name, to the gradient's norm or a thousandth of the largest", () => {
    const theirs = new Map([
      ["large", [1000, 1] as const],
      ["small", [0, 0] as const],
    ]);
    expect(compareGradients(theirs, theirs)).toEqual({ difference: 0, worst: "" });
    const ours = new Map([
      ["large", [1000, 1] as const],
      ["small", [0, 0.5] as const],
    ]);
    expect(compareGradients(ours, theirs)).toEqual({ difference: 0.5, worst: "small" });
    expect(compareGradients(new Map([["large", [1000, 1]]]), theirs).worst).toBe("small");
    expect(
      compareGradients(
        new Map([
          ["large", [1000, 1]],
          ["small", [Number.NaN, 0]],
        ]),
        theirs,
      ).difference,
    ).toBeNaN();
  });
});

it("compares an operator call with the peak, and with what the peer says", async () => {
  const alone = await benchOperator();
  expect(alone.peakFlopPerCall / (alone.operatorMicroseconds * alone.gemmPeakGflops)).toBeCloseTo(1000, 6);
  expect(alone).not.toHaveProperty("speedup");
  const place = pretended(`${opens} return { microseconds: 3 };`);
  const { operatorMicroseconds, speedup } = await benchOperator({ peer: place });
  expect(speedup).toBe(3 / operatorMicroseconds);
});

const real = findPeer();
const title = "skipped" in real ? `PyTorch (skipped: ${real.skipped})` : "PyTorch";
describe.skipIf("skipped" in real)(title, () => {
  const place = real as PeerPlace;
  let peer: Peer;
  beforeAll(async () => {
    peer = await Peer.start(place);
  });
  afterAll(() => {
    peer.close();
  });

  it("finds the same density, gradients and inverse of the paper's flow in float64", async () => {
    const tiny = { steps: 2, levels: 3, batch: 2, positions: 16, channels: 12, heads: 3 } as const;
    for (const layout of ["wide", "paper"] as const) {
      const differences = await compareFlowStep({ ...tiny, layout }, peer, "float64", 1e-10);
      expect(Object.keys(differences)).toEqual(["lossDifference", "gradientDifference", "inverseDifference"]);
    }
  });

  it("finds the same density, gradients and decoded points of the left-to-right flow in float64", async () => {
    const tiny = { preset: "tiny-ar", words: 60, batch: 2, decodeBatch: 3, decodePositions: 4 };
    const differences = await compareCausal(tiny, peer, "float64", 1e-10);
    expect(Object.keys(differences)).toEqual(["lossDifference", "gradientDifference", "decodeDifference"]);
  });

  it("takes turns with ours", async () => {
    const tiny = { steps: 1, levels: 1, batch: 2, positions: 4, channels: 12, heads: 3, repeats: 2 };
    const result = await benchFlowStep({ ...tiny, peer: place });
    const { speedup, inverseSpeedup, peerStepMs, peerInverseMs, peerPeakRssMb, stepMs, inverseMs } = result;
    expect(speedup).toBe((peerStepMs as number) / stepMs);
    expect(inverseSpeedup).toBe((peerInverseMs as number) / inverseMs);
    expect(peerPeakRssMb).toBeGreaterThan(0);
    expect(result.lossDifference).toBeLessThan(1e-5);
  });

  it("agrees in bf16 as far as bf16 goes, where products are large enough to be in it", async () => {
    const wide = { steps: 1, levels: 1, batch: 16, positions: 32, channels: 192, heads: 3, repeats: 1 };
    const result = await benchFlowStep({ ...wide, precision: "bf16", peer: place });
    expect(result).toMatchObject({ precision: "bf16" });
    expect(result.gradientDifference).toBeGreaterThan(1e-4);
  });
});
