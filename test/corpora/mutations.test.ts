import { readFileSync, rmSync } from "node:fs";
import h5wasm from "h5wasm/node";
import { expect, test } from "vitest";
import { RiverrunError } from "../../src/base/errors.ts";
import { RandomStream } from "../../src/base/random.ts";
import {
  BadRecordTally,
  describeBadRecord,
  FrameFeatures,
  inspectFiles,
  readFriendsQa,
  readMomentDescriptions,
  readParallel,
  readSquad,
  readSubtitleClips,
  readTvqaQuestions,
} from "../../src/corpora/index.ts";
import { readSgm } from "../../src/corpora/sgm.ts";
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

const cues = Object.fromEntries(
  clips.map(({ id, cues: lines }) => [
    id,
    { sub_text: lines.map(([text]) => text).join(" <eos> "), sub_time: lines.map(([, start]) => start) },
  ]),
);
const seeds: Readonly<Record<string, string>> = {
  "squad.json": JSON.stringify(squadFile),
  "friends.json": JSON.stringify(friendsQaFile, null, 1),
  "tvqa.jsonl": jsonLines(tvqaLines),
  "plus.json": JSON.stringify(tvqaPlusFile),
  "tvr.jsonl": jsonLines(tvrLines),
  "tok.json": JSON.stringify(cues),
  "cache.json": JSON.stringify({
    sub_text: Object.fromEntries(clips.map(({ id, cues: lines }) => [id, lines.map(([text]) => text)])),
    sub_time: Object.fromEntries(clips.map(({ id, cues: lines }) => [id, lines.map(([, start]) => start)])),
  }),
  "sub.jsonl": jsonLines(
    clips.map(({ id, cues: lines }) => ({
      vid_name: id,
      sub: lines.map(([text, start, end]) => ({ text, start, end })),
    })),
  ),
  "clip.srt": srtOf(clips[0]),
  "pair.ro": "unu\ndoi\ntrei\n",
  "seg.sgm": '<doc>\n<seg id="1">one &amp; two</seg>\n<seg id="2">three</seg>\n</doc>\n',
  "vectors.vec": `sea ${Array.from({ length: 12 }, () => "0.5").join(" ")}\npier ${Array.from({ length: 12 }, () => "-1").join(" ")}\n`,
};

const insertions = [
  "\u0000",
  "{",
  "}",
  "[",
  "]",
  '"',
  "\\",
  "\\u12",
  ",",
  ":",
  "null",
  "-1",
  "1e999",
  "NaN",
  "\n",
  "\r\n",
  "\u{1f6a8}",
  "__proto__",
  "-->",
  "<seg>",
  " ",
  "\ufeff",
].map((text) => Buffer.from(text));

/** Bytes changed, put in, taken out, doubled, cut, or not UTF-8 any more. */
function mutate(bytes: Buffer, random: RandomStream): Buffer {
  let mutated = bytes;
  for (let change = random.integer(3); change >= 0; change--) {
    const at = random.integer(mutated.length + 1);
    const end = Math.min(mutated.length, at + 1 + random.integer(20));
    const [before, piece, after] = [mutated.subarray(0, at), mutated.subarray(at, end), mutated.subarray(end)];
    switch (random.integer(6)) {
      case 0:
        mutated = Buffer.concat([
          before,
          Buffer.from([random.integer(256)]),
          mutated.subarray(Math.min(mutated.length, at + 1)),
        ]);
        break;
      case 1:
        mutated = Buffer.concat([before, insertions[random.integer(insertions.length)], piece, after]);
        break;
      case 2:
        mutated = Buffer.concat([before, after]);
        break;
      case 3:
        mutated = Buffer.concat([before, piece, piece, after]);
        break;
      case 4:
        if (random.integer(4) === 0) mutated = Buffer.from(before);
        break;
      default:
        mutated = Buffer.concat([before, Buffer.from([0xc3, 0x28, 0xff]), after]);
    }
  }
  return mutated;
}

async function drain(items: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of items) count++;
  return count;
}

function readersOf(name: string, path: string, tally: BadRecordTally): AsyncIterable<unknown>[] {
  if (name === "squad.json") return [readSquad(path, tally)];
  if (name === "friends.json") return [readFriendsQa(path, tally)];
  if (name === "tvqa.jsonl" || name === "plus.json") return [readTvqaQuestions(path, tally)];
  if (name === "tvr.jsonl") return [readMomentDescriptions(path, tally)];
  if (name === "pair.ro") return [readParallel({ source: path, target: `${folder}/pair.en` }, tally)];
  if (name === "seg.sgm") return [readSgm(path)];
  if (name === "vectors.vec") return [];
  return [readSubtitleClips(path, tally)];
}

test("3,000 mutated files of all formats give records, bad records with a place, or a refusal that names the file", async () => {
  put(folder, "pair.en", "one\ntwo\nthree\n");
  const random = new RandomStream(7);
  /** Files read at once, each in a folder of its own: reading waits more than it works. */
  const together = 50;
  const names = Object.keys(seeds);
  let read = 0;
  let bad = 0;
  let refused = 0;
  const one = async (run: number): Promise<void> => {
    const name = names[run % names.length];
    const path = put(folder, `${run % together}/${name}`, mutate(Buffer.from(seeds[name]), random));
    const tally = new BadRecordTally();
    const attempts: (() => Promise<number>)[] = readersOf(name, path, tally).map((items) => () => drain(items));
    if (run % 4 === 0 || attempts.length === 0) attempts.push(async () => (await inspectFiles([path])).reports.length);
    for (const attempt of attempts) {
      try {
        const count = await attempt();
        read += count;
      } catch (error) {
        // Nothing but the library's own errors, and those say which file.
        if (!(error instanceof RiverrunError && error.message.includes(folder))) throw error;
        refused++;
      }
    }
    for (const record of tally.first) {
      const { file, line, reason } = record;
      if (file !== path || line < 1 || reason.length <= 5 || describeBadRecord(record).length >= 2000) {
        expect({ name, run, record }).toBe("a bad record with a place and a reason");
      }
      bad++;
    }
  };
  for (let run = 0; run < 3000; run += together) {
    await Promise.all(Array.from({ length: together }, (_, at) => one(run + at)));
  }
  expect(read).toBeGreaterThan(1000);
  expect(bad).toBeGreaterThan(500);
  expect(refused).toBeGreaterThan(20);
});

test("mutated HDF5 files are read or refused", async () => {
  await h5wasm.ready;
  const path = `${folder}/f.h5`;
  const file = new h5wasm.File(path, "w");
  file.create_dataset({ name: "clip", data: new Float32Array(600), shape: [200, 3] });
  file.close();
  const bytes = readFileSync(path);
  const random = new RandomStream(8);
  let refused = 0;
  for (let run = 0; run < 100; run++) {
    const mutated = Buffer.from(bytes);
    for (let change = 0; change < 3; change++)
      mutated[8 + random.integer(Math.min(2000, mutated.length - 8))] = random.integer(256);
    const target = put(folder, `m${run}.h5`, mutated);
    try {
      const features = await FrameFeatures.open(target);
      try {
        for (const clip of features.clips) features.read(clip);
      } finally {
        features.close();
      }
    } catch (error) {
      expect(error).toBeInstanceOf(RiverrunError);
      refused++;
    }
    rmSync(target);
  }
  expect(refused).toBeGreaterThan(10);
});
