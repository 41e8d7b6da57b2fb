import { join } from "node:path";
import h5wasm from "h5wasm/node";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { addData } from "../../src/cli/commands/data.ts";
import { inspectFiles } from "../../src/corpora/index.ts";
import { hashText, KeySet } from "../../src/corpora/inspect/keySet.ts";
import { Observations } from "../../src/corpora/inspect/observations.ts";
import { recogniseFormat } from "../../src/corpora/inspect/recognise.ts";
import { type Ended, run } from "../cli/support.ts";
import {
  clips,
  friendsQaFile,
  jsonLines,
  put,
  scratch,
  squadFile,
  srtOf,
  tvqaLines,
  tvqaPlusFile,
  tvrLines,
} from "./support.ts";

const folder = scratch();

async function everyFormat(): Promise<Record<string, string>> {
  for (const clip of clips) put(folder, `srt/${clip.id}.srt`, srtOf(clip));
  await h5wasm.ready;
  const file = new h5wasm.File(`${folder}/f.h5`, "w");
  file.create_dataset({ name: "clip", data: new Float32Array(6), shape: [3, 2] });
  file.close();
  const header = Buffer.from('{"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}');
  const length = Buffer.alloc(8);
  length.writeUInt32LE(header.length);
  const tensors = Buffer.concat([length, header, Buffer.alloc(16)]);
  put(folder, "bert/model.safetensors", tensors);
  put(folder, "bert/vocab.txt", "[PAD]\n[UNK]\nsea\n##s\n");
  return {
    squad: put(folder, "squad.json", JSON.stringify(squadFile)),
    friendsqa: put(folder, "friends.json", JSON.stringify(friendsQaFile, null, 2)),
    tvqa: put(folder, "tvqa.jsonl", jsonLines(tvqaLines)),
    "tvqa-plus": put(folder, "plus.json", JSON.stringify(tvqaPlusFile)),
    tvr: put(folder, "tvr.jsonl", jsonLines(tvrLines)),
    "subtitles-srt": `${folder}/srt`,
    "subtitles-srt-cache": put(folder, "cache.json", JSON.stringify({ sub_text: { c: ["x"] }, sub_time: { c: [0] } })),
    "subtitles-tokenised": put(folder, "tok.json", JSON.stringify({ c: { sub_text: "x", sub_time: [0] } })),
    "subtitles-tvr": put(folder, "sub.jsonl", jsonLines([{ vid_name: "c", sub: [{ text: "x", start: 0, end: 1 }] }])),
    features: `${folder}/f.h5`,
    text: put(folder, "lines.txt", "One line.\nAnother line.\nOne  line.\n\n"),
    records: put(folder, "records", `${jsonLines([{ text: "One." }, { text: "Two." }])}`),
    vectors: put(
      folder,
      "vectors.txt",
      `sea ${Array.from({ length: 12 }, (_, index) => index / 10).join(" ")}\nthe sea ${Array.from({ length: 12 }, () => "-1e-3").join(" ")}\n`,
    ),
    safetensors: put(folder, "w.safetensors", tensors),
    wordpiece: `${folder}/bert/vocab.txt`,
    model: `${folder}/bert`,
  };
}

describe("inspection", () => {
  test("recognises every format and counts what is in it", async () => {
    const files = await everyFormat();
    for (const [format, path] of Object.entries(files))
      expect([path, await recogniseFormat(path)]).toEqual([path, format]);
    const counts: Record<string, unknown> = {};
    for (const [format, path] of Object.entries(files)) {
      const { reports } = await inspectFiles([path]);
      expect(reports[0].bad).toEqual({ count: 0, first: [] });
      counts[format] = reports[0].counts;
    }
    expect(counts).toEqual({
      squad: { articles: 2, paragraphs: 4, questions: 4, answers: 5 },
      friendsqa: { utterances: 2, paragraphs: 1, questions: 2, answers: 2 },
      tvqa: { questions: 2, clips: 2, labelled: 1, "without time span": 1 },
      "tvqa-plus": { questions: 2, clips: 2, labelled: 2, boxes: 1 },
      tvr: { descriptions: 2, clips: 1 },
      "subtitles-srt": { clips: 3, cues: 5 },
      "subtitles-srt-cache": { clips: 1, cues: 1 },
      "subtitles-tokenised": { clips: 1, cues: 1 },
      "subtitles-tvr": { clips: 1, cues: 1 },
      features: { clips: 1, frames: 3 },
      text: { lines: 4, "empty lines": 1 },
      records: { lines: 2 },
      vectors: { dimensions: 12, words: 2 },
      safetensors: { tensors: 1, parameters: 4 },
      wordpiece: { pieces: 4, continuations: 1 },
      model: { tensors: 1, parameters: 4, pieces: 4, continuations: 1 },
    });
  });

  test("finds duplicates, splits and lengths", async () => {
    const { reports } = await inspectFiles([put(folder, "a.txt", "b b\na\n a \nc  c\tc\na\n")]);
    expect(reports[0].duplicates).toEqual({ line: 2 });
    expect(reports[0].lengths.line).toEqual({
      texts: 5,
      shortest: 1,
      median: 1,
      mean: 1.6,
      percentile95: 3,
      longest: 3,
    });
    const subtitles = await inspectFiles([
      put(
        folder,
        "s.json",
        JSON.stringify({
          meld_s01e01_train_dia0: { sub_text: "hi", sub_time: [0] },
          meld_s01e01_dev_dia1: { sub_text: "hi", sub_time: [0] },
          meld_s01e01_dev_dia2: { sub_text: "hi <eos> you", sub_time: [4, 0] },
        }),
      ),
    ]);
    expect(subtitles.reports[0].splits).toEqual({ train: 1, dev: 2 });
    expect(subtitles.reports[0].counts["clips with cues out of order"]).toBe(1);
    const file = subtitles.reports[0].file;
    expect(subtitles.overlaps).toEqual([
      { left: `${file} (train)`, right: `${file} (dev)`, kind: "clip text", count: 1, ofLeft: 1, ofRight: 2 },
    ]);
  });

  test("reads parallel files as pairs and finds what splits share", async () => {
    put(folder, "p/train.ro", "unu\ndoi\n");
    put(folder, "p/train.en", "one\ntwo\n");
    put(folder, "p/train.origin", "x\ny\n");
    put(folder, "p/dev.ro", "doi\n");
    put(folder, "p/dev.en", "deux\n");
    put(folder, "p/src-a.txt", "s\n");
    put(folder, "p/tgt-a.txt", "t\n");
    const names = ["train.en", "train.ro", "train.origin", "dev.ro", "dev.en", "tgt-a.txt", "src-a.txt"].map(
      (name) => `${folder}/p/${name}`,
    );
    const { reports, overlaps } = await inspectFiles(names);
    expect(
      reports.map(({ file, beside, counts, splits }) => [
        file.slice(folder.length + 3),
        beside.length,
        counts.pairs,
        splits,
      ]),
    ).toEqual([
      ["train.ro", 2, 2, { x: 1, y: 1 }],
      ["dev.ro", 1, 1, {}],
      ["src-a.txt", 1, 1, {}],
    ]);
    expect(overlaps).toMatchObject([{ kind: "source", count: 1, ofLeft: 2, ofRight: 1 }]);
  });

  test("names broken records and goes on", async () => {
    const { reports } = await inspectFiles([
      put(folder, "broken.jsonl", `${jsonLines([tvqaLines[0]])}{"q": 1}\nnot json\n`),
      put(folder, "broken.vec", "a 1 2 3 4 5 6 7 8 9 10\nb 1 2\nc 1 2 3 4 5 6 7 8 9 x\n"),
    ]);
    expect(reports.map((report) => report.bad.count)).toEqual([2, 2]);
    expect(reports[0].bad.first.map((bad) => bad.line)).toEqual([2, 3]);
    expect(reports[1].bad.first.map((bad) => bad.reason)).toEqual([
      "expected a word and 10 numbers, got 2 numbers",
      '"x" is not a finite number',
    ]);
  });

  test.each([
    ["unknown.json", '{"a": [1, 2]}', "JSON of no known kind"],
    ["empty.txt", "", "the file is empty"],
    ["binary.bin", "ab\u0000cd", "binary data of no known format"],
  ])("refuses %s", async (name, text, reason) => {
    await expect(inspectFiles([put(folder, name, text)])).rejects.toThrow(reason);
  });

  test("refuses what is not there, or named twice", async () => {
    await expect(inspectFiles([`${folder}/nothing`])).rejects.toThrow("does not exist");
    const file = put(folder, "twice.txt", "x\n");
    await expect(inspectFiles([file, file])).rejects.toThrow("is named twice");
  });
});

describe("the set of texts seen", () => {
  test("agrees with a set of strings", () => {
    const keys = new KeySet();
    const strings = new Set<string>();
    for (let index = 0; index < 50_000; index++) {
      const text = `text ${(index * 7919) % 30_011}`;
      if (keys.add(hashText(text)) === strings.has(text)) throw new Error(`wrong about ${text}`);
      strings.add(text);
    }
    expect(keys.size).toBe(strings.size);
    const other = new KeySet();
    for (let index = 0; index < 100; index++) other.add(hashText(`text ${index * 1000}`));
    expect(keys.overlap(other)).toBe(31);
    expect(other.overlap(keys)).toBe(31);
  });

  test("stays within its bound and says so", () => {
    const keys = new KeySet(100);
    for (let index = 0; index < 500; index++) keys.add(hashText(String(index)));
    expect([keys.size, keys.full]).toEqual([100, true]);
    expect(keys.add(hashText("5"))).toBe(false);
  });

  test("quantiles of lengths are those of the sorted lengths", () => {
    const seen = new Observations();
    for (let length = 100; length >= 1; length--) seen.length("x", "w ".repeat(length));
    expect(seen.lengths().x).toEqual({
      texts: 100,
      shortest: 1,
      median: 50,
      mean: 50.5,
      percentile95: 95,
      longest: 100,
    });
  });
});

describe("riverrun data", () => {
  const riverrun = (args: string[]): Promise<Ended> => run(addData, ["data", ...args]);
  beforeAll(() => void vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache")));
  afterAll(() => void vi.unstubAllEnvs());

  test("inspect prints text, or JSON lines; broken records are a failure unless skipped", async () => {
    const file = put(folder, "cli.jsonl", `${jsonLines([tvqaLines[0]])}nonsense\n`);
    const text = await riverrun(["inspect", file]);
    expect(text.code).toBe(1);
    expect(text.out).toContain("counts: questions 1, clips 1, labelled 1");
    expect(text.out).toContain(`${file}:2: not JSON at character 1: expected a value, found "nonsense"`);
    expect(text.err).toContain("1 records are broken");
    const json = await riverrun(["inspect", "--json", "--skip-bad", file]);
    expect(json.code).toBe(0);
    expect(JSON.parse(json.out)).toMatchObject({ format: "tvqa", bad: { count: 1 } });
    expect((await riverrun(["inspect", join(folder, "absent")])).code).toBe(3);
  });

  test("list shows the sets; fetch --offline fails where a set is not there", async () => {
    const list = await riverrun(["list", "--json"]);
    const names = list.out
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { name: string }).name);
    expect(names).toEqual([
      "squad",
      "tvqa",
      "tvqa-plus",
      "wmt16-ro-en",
      "glove-6b",
      "glove-840b",
      "bert-base-uncased",
      "meteor",
    ]);
    const offline = await riverrun(["fetch", "squad", "--offline"]);
    expect(offline.code).toBe(3);
    expect(offline.err).toContain('run "npx riverrun data fetch squad"');
    const unknown = await riverrun(["fetch", "squid"]);
    expect(unknown.code).toBe(2);
    expect(unknown.err).toContain('no data set "squid": expected squad, tvqa');
  });
});
