/** riverrun evaluate: what it prints, and how it ends. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { addEvaluate } from "../../src/cli/commands/evaluate.ts";
import { writeOwnTables } from "../metrics/ownTexts.ts";
import { type Ended, records, run, scratch } from "./support.ts";

const folder = scratch();
const file = (name: string, contents: string): string => {
  const path = join(folder, name);
  writeFileSync(path, contents);
  return path;
};
const evaluate = (...args: string[]): Promise<Ended> => run(addEvaluate, ["evaluate", ...args]);

const ours = file("ours.txt", "the cat sat on the mat\n\na dog barked at the moon\n");
const other = file("other.txt", "the cat is there\na bird\na dog sang to the sun\n");
const gold = file("gold.txt", "the cat sat on the mat\na bird sang\nthe dog barked at the moon\n");
const gold2 = file("gold2.txt", "on the mat sat the cat\nbirds sang\nat the moon the dog barked\n");
const tables = join(folder, "tables");

beforeAll(() => {
  writeOwnTables(tables);
  // Nobody's own cache decides what runs.
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
});
afterAll(() => vi.unstubAllEnvs());

describe("bleu, rouge, meteor", () => {
  it("print one record with score, signature and interval", async () => {
    const { code, out } = await evaluate("bleu", "--hypotheses", ours, "--references", gold, "--json");
    expect(code).toBe(0);
    const [record, ...more] = records(out);
    expect(more).toEqual([]);
    expect(record).toMatchObject({
      metric: "bleu",
      signature: "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0",
      count: 3,
      confidence: 0.95,
    });
    // 12 words against 15; matches 11, 9, 7, 5 of 12, 10, 8, 6.
    const expected = 100 * Math.exp(1 - 15 / 12) * ((11 / 12) * (9 / 10) * (7 / 8) * (5 / 6)) ** (1 / 4);
    expect(record.score).toBeCloseTo(expected, 9);
    const [low, high] = record.interval as [number, number];
    expect(low).toBeLessThan(expected);
    expect(high).toBeGreaterThan(expected);
  });

  it("take more references and other tokens", async () => {
    const two = ["--references", gold, "--references", gold2];
    const [bleu] = records((await evaluate("bleu", "--hypotheses", ours, ...two, "--tokenize", "coco")).out);
    expect(bleu.signature).toBe("nrefs:2|case:mixed|eff:no|tok:coco|smooth:none|ref:closest|version:coco-caption");
    const [rouge] = records((await evaluate("rouge", "--hypotheses", gold2, ...two)).out);
    expect(rouge).toMatchObject({ metric: "rouge", score: 100, interval: [100, 100] });
  });

  it("take every --tokenize, which is part of the signature", async () => {
    const signatures = new Set<unknown>();
    for (const metric of ["bleu", "rouge", "meteor"]) {
      for (const tokens of [[], ...["coco", "13a", "ptb", "none"].map((name) => ["--tokenize", name])]) {
        const args = [metric, "--hypotheses", ours, "--references", gold, "--resamples", "50", ...tokens];
        const { code, out } = await evaluate(...args);
        const [{ signature, score }] = records(out);
        expect([code, typeof score]).toEqual([0, "number"]);
        signatures.add(signature);
      }
    }
    // bleu's default is 13a, rouge's coco; METEOR's own normaliser is none of the four.
    expect(signatures.size).toBe(4 + 4 + 5);
  });

  it("score hypotheses without a word 0", async () => {
    const blank = file("blank.txt", "\n\n\n");
    for (const metric of ["bleu", "rouge", "meteor"]) {
      const { code, out } = await evaluate(metric, "--hypotheses", blank, "--references", gold, "--resamples", "50");
      expect([code, ...records(out)]).toMatchObject([0, { metric, score: 0, interval: [0, 0], count: 3 }]);
    }
  });

  it("METEOR says what is missing and what its score is then called", async () => {
    const without = await evaluate("meteor", "--hypotheses", ours, "--references", gold);
    expect(without.code).toBe(0);
    expect(without.err).toContain("riverrun data fetch meteor");
    expect(without.err).toContain("paraphrase-en.gz");
    expect(records(without.out)).toMatchObject([
      {
        metric: "meteor",
        name: "METEOR 1.5 (exact, stem; riverrun's word lists)",
        modules: ["exact", "stem"],
        missingModules: ["synonym", "paraphrase"],
      },
    ]);
    const whole = await evaluate("meteor", "--hypotheses", ours, "--references", gold, "--tables", tables);
    expect(whole.err).not.toContain("warning");
    expect(records(whole.out)).toMatchObject([{ name: "METEOR 1.5", missingModules: [] }]);
    const old = await evaluate(
      ...["meteor", "--hypotheses", ours, "--references", gold, "--tables", tables, "--parameters", "2007"],
    );
    expect(records(old.out)).toMatchObject([{ name: "METEOR 1.5 with the parameters of 2007" }]);
  });

  it("refuse files that do not fit together", async () => {
    const short = file("short.txt", "one line\n");
    const unequal = await evaluate("bleu", "--hypotheses", ours, "--references", short);
    expect(unequal).toMatchObject({ code: 2, out: "" });
    expect(unequal.err).toContain(`lines of ${short}: 1, of ${ours}: 3; expected as many in both`);
    const absent = await evaluate("rouge", "--hypotheses", join(folder, "absent.txt"), "--references", gold);
    expect(absent.code).toBe(3);
    const empty = await evaluate("bleu", "--hypotheses", file("empty.txt", ""), "--references", gold);
    expect(empty).toMatchObject({ code: 2, err: expect.stringContaining("holds no text") });
    const broken = file("broken.jsonl", '{"text": "a"}\n{"words": 1}\n');
    const record = await evaluate("bleu", "--hypotheses", broken, "--references", gold);
    expect(record).toMatchObject({ code: 2, err: expect.stringContaining(`${broken}:2:`) });
    const binary = join(folder, "binary.txt");
    writeFileSync(binary, Buffer.from([0x61, 0x0a, 0xff, 0xfe, 0x00, 0x0a, 0x62, 0x0a]));
    for (const args of [
      ["--hypotheses", binary, "--references", gold],
      ["--hypotheses", ours, "--references", gold, "--references", binary],
    ]) {
      const { code, err } = await evaluate("rouge", ...args);
      expect([code, err]).toEqual([2, expect.stringContaining(`${binary}:2: the line is not UTF-8`)]);
    }
    expect((await evaluate("bleu", "--hypotheses", folder, "--references", gold)).err).toContain("is not a file");
    expect((await evaluate("bleu", "--hypotheses", ours, "--references", gold, "--tokenize", "words")).code).toBe(2);
    expect((await evaluate("bleu", "--hypotheses", ours)).code).toBe(2);
  });
});

describe("squad", () => {
  const question = (id: string, ...answers: string[]): unknown => ({ id, answers: answers.map((text) => ({ text })) });
  const data = file(
    "squad.json",
    JSON.stringify({
      version: "1.1",
      data: [
        { title: "t", paragraphs: [{ context: "c", qas: [question("1", "cat"), question("2", "red dog", "dog")] }] },
      ],
    }),
  );

  it("prints exact match and F1; a question without a prediction scores 0 and is warned of", async () => {
    const predictions = file("predictions.json", '{"1": "The cat!", "9": "unused"}');
    const { code, out, err } = await evaluate("squad", "--data", data, "--predictions", predictions, "--json");
    expect(code).toBe(0);
    expect(records(out)).toMatchObject([{ exactMatch: 50, f1: 50, count: 2, missing: 1 }]);
    expect(err).toContain("no prediction for 1 questions, which score 0: 2");
  });

  it("names the line or the place of what is wrong", async () => {
    const cut = file("cut.json", '{"1": "a",\n "2": }');
    const syntax = await evaluate("squad", "--data", data, "--predictions", cut);
    expect(syntax).toMatchObject({ code: 2, err: expect.stringContaining(`${cut}:2:`) });
    const number = await evaluate("squad", "--data", data, "--predictions", file("number.json", '{"1": 5}'));
    expect(number).toMatchObject({ code: 2, err: expect.stringContaining("number.json: 1: ") });
    const none = file("none.json", JSON.stringify({ data: [{ paragraphs: [{ qas: [question("1")] }] }] }));
    const unanswered = await evaluate("squad", "--data", none, "--predictions", cut);
    expect(unanswered).toMatchObject({ code: 2, err: expect.stringContaining("data.0.paragraphs.0.qas.0.answers") });
    expect((await evaluate("squad", "--data", join(folder, "absent"), "--predictions", cut)).code).toBe(3);
    const binary = join(folder, "binary.json");
    writeFileSync(binary, Buffer.from([0x00, 0xff, 0xfe, 0x7b]));
    const unreadable = await evaluate("squad", "--data", data, "--predictions", binary);
    expect(unreadable).toMatchObject({ code: 2, err: expect.stringContaining("binary.json") });
  });

  it("compares predictions", async () => {
    const a = file("a.json", '{"1": "cat", "2": "dog"}');
    const b = file("b.json", '{"1": "cat", "2": "dog house"}');
    const { out } = await evaluate("compare", "--metric", "f1", "--references", data, "--resamples", "500", a, b);
    expect(records(out)).toMatchObject([{ metric: "f1", scoreA: 100, count: 2, signTest: { wins: 1, ties: 1 } }]);
    const two = ["--references", data, "--references", data];
    expect((await evaluate("compare", "--metric", "f1", ...two, a, b)).code).toBe(2);
  });
});

describe("compare", () => {
  it("prints both scores, the difference and its p; the same for any number of workers", async () => {
    for (const metric of ["bleu", "rouge", "meteor", "accuracy"]) {
      const args = ["compare", "--metric", metric, "--references", gold, "--resamples", "2000", "--tables", tables];
      const one = await evaluate(...args, "--workers", "1", ours, other);
      const [record] = records(one.out);
      const { scoreA, scoreB, delta, pValue } = record as Record<string, number>;
      expect(delta).toBeCloseTo(scoreA - scoreB, 9);
      expect(scoreA).toBeGreaterThan(scoreB);
      expect(pValue).toBeGreaterThan(0);
      expect(pValue).toBeLessThan(0.5);
      expect((await evaluate(...args, "--workers", "2", ours, other)).out).toBe(one.out);
    }
  });

  it("says p = 1 of a system against itself", async () => {
    const { out } = await evaluate(
      ...["compare", "--metric", "bleu", "--references", gold, "--resamples", "200", ours, ours],
    );
    expect(records(out)).toMatchObject([{ delta: 0, pValue: 1, interval: [0, 0] }]);
    // Where all is right, exp of a sum of logarithms is 100.00000000000004.
    const right = await evaluate(
      ...["compare", "--metric", "bleu", "--references", gold, "--resamples", "200", gold, gold],
    );
    expect(records(right.out)).toMatchObject([{ scoreA: 100, scoreB: 100 }]);
  });

  it("wants a metric that there is", async () => {
    expect((await evaluate("compare", "--references", gold, ours, other)).code).toBe(2);
    expect((await evaluate("compare", "--metric", "cider", "--references", gold, ours, other)).code).toBe(2);
  });
});
