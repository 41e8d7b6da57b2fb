import { afterEach, describe, expect, it, vi } from "vitest";
import { canRewrite, say, showStatus } from "../../src/cli/output.ts";
import { bar, clock, TimeLeft, TrainingProgress, VectorsProgress } from "../../src/cli/progress.ts";
import type { StepReport } from "../../src/train/index.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** What a screen of one long line of terminal would show after these bytes: erased lines are gone. */
function screen(bytes: string): string[] {
  return bytes.split("\n").map((line) => line.split("\r\u001b[2K").at(-1) ?? "");
}

function catchStderr(): { text: string } {
  const caught = { text: "" };
  vi.spyOn(process.stderr, "write").mockImplementation((chunk: unknown) => {
    caught.text += String(chunk);
    return true;
  });
  return caught;
}

const report = (step: number, logged: boolean): StepReport => ({
  step,
  maxSteps: 10,
  epoch: 0,
  lossName: "bitsPerDim",
  loss: 1.5,
  gradientNorm: 1,
  learningRate: 1e-3,
  tokensPerSecond: 1234.4,
  seconds: step,
  figures: logged ? { nelboPerToken: 6.25, latents: {} } : undefined,
});

it("clock and bar", () => {
  expect([0, 59.6, 61, 3725].map(clock)).toEqual(["0:00", "1:00", "1:01", "1:02:05"]);
  expect([0, 0.5, 1, 2].map((share) => bar(share, 4))).toEqual(["[    ]", "[==  ]", "[====]", "[====]"]);
});

it("time left counts from the first part of this sitting", () => {
  let now = 100;
  const left = new TimeLeft(() => now);
  expect(left.after(50, 100)).toBeUndefined();
  now = 110;
  expect(left.after(55, 100)).toBe(90);
});

it.each([
  [{ isTTY: true }, {}, true],
  [{ isTTY: false }, {}, false],
  [{}, {}, false],
  [{ isTTY: true }, { CI: "true" }, false],
  [{ isTTY: true }, { NO_COLOR: "1" }, false],
  [{ isTTY: true }, { NO_COLOR: "" }, true],
  [{ isTTY: true }, { TERM: "dumb" }, false],
])("a line is rewritten for %j under %j: %s", (stream, env, expected) => {
  expect(canRewrite(stream, env)).toBe(expected);
});

it("lines stand above the status line", () => {
  const caught = catchStderr();
  showStatus("working 1");
  say("a message");
  showStatus("working 2");
  showStatus("");
  expect(screen(caught.text)).toEqual(["a message", ""]);
  expect(caught.text).toContain("working 2");
});

describe("the progress of a training", () => {
  it("is a line each logged step where nobody watches", () => {
    const caught = catchStderr();
    vi.stubEnv("NO_COLOR", "1");
    const progress = new TrainingProgress();
    progress.onVectors({ iteration: 1, iterations: 1, loss: 0.5 });
    for (let step = 1; step <= 10; step++) progress.onEveryStep(report(step, step % 5 === 0));
    progress.end();
    const lines = caught.text.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[0]).toBe("word vectors: pass 1 of 1, loss 0.50000");
    expect(lines[1]).toMatch(
      /^step 5 of 10: 6\.250 nats per token, 1\.500 bits per dimension, 1234 tokens\/s, 0:00 left$/,
    );
    expect(lines[2]).toMatch(/^step 10 of 10: .* tokens\/s$/);
  });

  it("is one line that is rewritten at a terminal, and goes away", () => {
    const caught = catchStderr();
    for (const name of ["CI", "NO_COLOR", "TERM"]) vi.stubEnv(name, "");
    const terminal = process.stderr as { isTTY?: boolean };
    const before = terminal.isTTY;
    terminal.isTTY = true;
    try {
      const progress = new TrainingProgress();
      progress.onEveryStep(report(1, true));
      expect(screen(caught.text)).toEqual([
        expect.stringMatching(/^\[==\s+\] 1\/10 {2}6\.25 nats\/token {2}1\.500 bits\/dim {2}1234 tokens\/s$/),
      ]);
      progress.end();
      expect(screen(caught.text)).toEqual([""]);
    } finally {
      terminal.isTTY = before;
    }
  });
});

describe("the progress of word vectors alone", () => {
  const rate = { recordsPerSecond: 2.5e6, secondsLeft: 61 };
  const drive = (progress: VectorsProgress): void => {
    progress.onTokens(1);
    progress.onCounting({ tokens: 70, runs: 1 });
    progress.onRecords({ tokens: 70, records: 1, threads: 2 });
    progress.onRound({ iteration: 1, iterations: 2, share: 0.5, ...rate });
    progress.onProgress({ iteration: 1, iterations: 2, loss: 0.25, ...rate });
    progress.onProgress({ iteration: 2, iterations: 2, loss: 0.125, ...rate, secondsLeft: 0 });
  };

  it("is a line now and then, and of the last pass, where nobody watches", () => {
    const caught = catchStderr();
    vi.stubEnv("NO_COLOR", "1");
    const progress = new VectorsProgress(2);
    drive(progress);
    vi.spyOn(performance, "now").mockReturnValue(performance.now() + 3000);
    progress.onTokens(1);
    expect(caught.text.split("\n")).toEqual([
      "1 co-occurrence of 70 tokens; training on 2 threads",
      "pass 2 of 2, loss 0.12500, 2.50 M records/s",
      expect.stringMatching(/^counting words: 1 token, \d+ tokens\/s$/),
      "",
    ]);
  });

  it("is one line that is rewritten at a terminal, between what stays", () => {
    const caught = catchStderr();
    for (const name of ["CI", "NO_COLOR", "TERM"]) vi.stubEnv(name, "");
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => (now += 1000));
    const terminal = process.stderr as { isTTY?: boolean };
    const before = terminal.isTTY;
    terminal.isTTY = true;
    try {
      drive(new VectorsProgress(2));
      expect(screen(caught.text)).toEqual([
        "1 co-occurrence of 70 tokens; training on 2 threads",
        "pass 2 of 2, loss 0.12500, 2.50 M records/s",
        "",
      ]);
      expect(caught.text).toContain("counting co-occurrences: 70 tokens, 1 sorted run on disk");
      expect(caught.text).toContain("[=====               ] pass 1 of 2, 50 %, 2.50 M records/s, 1:01 left");
      expect(caught.text).toContain("[==========          ] pass 1 of 2, loss 0.25000, 2.50 M records/s, 1:01 left");
    } finally {
      terminal.isTTY = before;
    }
  });
});
