import h5wasm from "h5wasm/node";
import { beforeAll, describe, expect, test } from "vitest";
import {
  BadRecordTally,
  cleanText,
  clipText,
  FrameFeatures,
  locateCues,
  locatedText,
  locateFrames,
  readMomentDescriptions,
  readSubtitleClips,
  readTvqaQuestions,
  type SubtitleClip,
  spanOrDefault,
} from "../../src/corpora/index.ts";
import { clips, collect, jsonLines, put, scratch, srtOf, tvqaLines, tvqaPlusFile, tvrLines } from "./support.ts";

const folder = scratch();

describe("clean text", () => {
  test.each([
    ["(Monica:)Hi!", "Monica : Hi !"],
    ["It's they've don't we're I'd you'll I'm", "It 's they 've do n't we 're I 'd you 'll I 'm"],
    ["Well... so, yes: (no)?", "Well . so , yes : no ?"],
    ["3.5 per-cent & \u00e9t\u00e9 `x`", "3 . 5 per cent t `x`"],
    ['\u2019s "q" <eos>', "s q eos"],
    ["....", ". ."],
    ["'sell", "'sell"],
    ["", ""],
    [" \t\n ", ""],
  ])("%j becomes %j", (text, expected) => {
    expect(cleanText(text)).toBe(expected);
  });
});

/** The clips in the four published forms. */
const files: Record<string, string> = {};
beforeAll(() => {
  for (const clip of clips) put(folder, `srt/${clip.id}.srt`, Buffer.from(srtOf(clip), "latin1"));
  files.srt = `${folder}/srt`;
  const named = clips.map(({ id, cues }) => ({
    id,
    texts: cues.map(([text]) => (text.startsWith("(") ? text : `(<UNKNAME>:)${text}`)),
    starts: cues.map(([, start]) => start),
  }));
  files.cache = put(
    folder,
    "srt_data_cache.json",
    JSON.stringify({
      sub_text: Object.fromEntries(named.map(({ id, texts }) => [id, texts])),
      sub_time: Object.fromEntries(named.map(({ id, starts }) => [id, starts])),
    }),
  );
  files.tokenised = put(
    folder,
    "subtitles.json",
    JSON.stringify(
      Object.fromEntries(
        named.map(({ id, texts, starts }) => [
          id,
          { sub_text: texts.map(cleanText).join(" <eos> "), sub_time: starts },
        ]),
      ),
    ),
  );
  files.tvr = put(
    folder,
    "subtitles.jsonl",
    jsonLines(
      clips.map(({ id, cues }) => ({
        vid_name: id,
        sub: cues.map(([text, start, end]) => ({ text: ` ${text}`, start, end })),
      })),
    ),
  );
});

describe("subtitles", () => {
  test("all four forms hold the same clips, splits, starts and clean texts", async () => {
    const read = async (name: string): Promise<SubtitleClip[]> =>
      (await collect(readSubtitleClips(files[name]))).sort((left, right) => (left.id < right.id ? -1 : 1));
    const tokenised = await read("tokenised");
    expect(tokenised.map((clip) => clip.split)).toEqual(["dev", "train", "test"]);
    expect(clipText(tokenised[1])).toBe("Bo : It 's here , is n't it ? <eos> Cy : Yes . I 'd say so !");
    for (const name of ["srt", "cache", "tvr"]) {
      const other = await read(name);
      expect(other.map(({ id, split }) => [id, split])).toEqual(tokenised.map(({ id, split }) => [id, split]));
      for (const [index, clip] of other.entries()) {
        expect(clip.tokenised).toBe(false);
        expect(clip.cues.map((cue) => cue.start)).toEqual(tokenised[index].cues.map((cue) => cue.start));
        if (name !== "tvr")
          expect(clip.cues.map((cue) => cleanText(cue.text))).toEqual(tokenised[index].cues.map((cue) => cue.text));
      }
    }
    expect((await read("srt"))[1].cues[1]).toEqual({ text: "(Cy:)Yes... I'd say so!", start: 2.25, end: 4 });
  });

  test("an .srt file may have any line ends, no numbers, several lines and hours", async () => {
    const file = put(
      folder,
      "odd.srt",
      Buffer.from(
        "\u00ef\u00bb\u00bf00:00:01,5 --> 00:00:02,000\r\n(Ed:)one\r\ntwo\r\n\r\n\r\n2\r\n01:00:00.250 --> 01:00:01.000 X1:5\r\nthree\r\n",
        "latin1",
      ),
    );
    const [clip] = await collect(
      readSubtitleClips(put(folder, "odd2.srt", Buffer.from("1\n00:01:00,000 --> 00:01:01,000\n\u00e9\n", "latin1"))),
    );
    expect(clip.cues[0].start).toBe(60);
    expect((await collect(readSubtitleClips(file)))[0].cues).toEqual([
      { text: "(Ed:)one two", start: 1.5, end: 2 },
      { text: "(<UNKNAME>:)three", start: 3600.25, end: 3601 },
    ]);
  });

  test("broken cues are named with their line", async () => {
    const file = put(
      folder,
      "bad.srt",
      "1\n00:00:01,000 -> 00:00:02,000\nx\n\n2\n00:00:05,000 --> 00:00:04,000\ny\n\n3\n00:00:06,000 --> 00:00:07,000\nz\n",
    );
    await expect(collect(readSubtitleClips(file))).rejects.toThrow(`${file}:2: expected a line of times`);
    const tally = new BadRecordTally();
    expect((await collect(readSubtitleClips(file, tally)))[0].cues).toHaveLength(1);
    expect(tally.first.map((bad) => bad.line)).toEqual([2, 6]);
  });

  test.each([
    [
      "cache.json",
      '{"sub_text": {"a": ["x"], "b": ["y"]}, "sub_time": {"a": [1, 2]}}',
      ["sub_time.a", "sub_text.b"],
      ["1 texts but 2 start times", 'the clip has no "sub_time"'],
    ],
    [
      "tok.json",
      '{"a": {"sub_text": "x <eos> y", "sub_time": [1]}, "b": {"sub_text": "x", "sub_time": [-1]}}',
      ["a", "b.sub_time[0]"],
      ["2 texts but 1 start times", "found -1"],
    ],
  ])("clips whose parts do not fit are named: %s", async (name, text, places, reasons) => {
    const tally = new BadRecordTally();
    expect(await collect(readSubtitleClips(put(folder, name, text), tally))).toEqual([]);
    expect(tally.first.map((bad) => bad.place)).toEqual(places);
    for (const [index, reason] of reasons.entries()) expect(tally.first[index].reason).toContain(reason);
  });

  test("what holds no subtitles is refused", async () => {
    await expect(collect(readSubtitleClips(put(folder, "none.json", '{"a": 1}')))).rejects.toThrow(
      "expected subtitles",
    );
    put(folder, "empty/readme.txt", "x");
    await expect(collect(readSubtitleClips(`${folder}/empty`))).rejects.toThrow("the folder holds no .srt file");
  });
});

describe("the part of a clip that belongs to a question", () => {
  const starts = [0, 2, 4, 6, 8];
  test.each([
    [2, 6, [1, 2]], // strictly inside: only 4; and the one before
    [1.9, 6.1, [0, 1, 2, 3]],
    [-1, 3, [0, 1]], // with cue 0 nothing comes before
    [4.5, 5, [0, 1, 2, 3]], // none inside: nearest to 4.5 is cue 2, with neighbours, and the one before
    [5, 5.5, [0, 1, 2, 3]], // 4 and 6 are equally near: the first
    [7.1, 7.9, [2, 3, 4]],
    [100, 101, [2, 3, 4]], // nearest is the last, whose neighbour does not exist
    [0, 0, [0, 1]],
  ])("from %d to %d", (start, end, expected) => {
    expect(locateCues(starts, { start, end })).toEqual(expected);
  });

  test("of a clip without cues is nothing", () => {
    expect(locateCues([], { start: 0, end: 1 })).toEqual([]);
    expect(locatedText({ id: "x", cues: [], tokenised: false, split: null }, { start: 0, end: 1 })).toBe("");
  });

  test("comes as clean text, joined by <eos>", async () => {
    const clip = (await collect(readSubtitleClips(files.cache)))[0];
    expect(locatedText(clip, { start: 2, end: 3 })).toBe(
      "Bo : It 's here , is n't it ? <eos> Cy : Yes . I 'd say so !",
    );
  });

  test.each([
    [0, 10, 200, [0, 33]],
    [10, 20.5, 200, [27, 64]],
    [48.62, 60.02, 182, [142, 183]],
    [100, 200, 900, [97, 203]], // 900 frames are scaled to 300: a third of 3 a second
    [150, 160, 300, [297, 300]], // both clip to 300, so the first moves back
    [-5, -3, 100, [0, 0]],
  ])("frames of %d to %d s of %d frames", (start, end, frames, expected) => {
    expect(locateFrames({ start, end }, frames)).toEqual(expected);
  });
});

describe("questions", () => {
  test("of TVQA", async () => {
    const [first, second] = await collect(readTvqaQuestions(put(folder, "tvqa.jsonl", jsonLines(tvqaLines))));
    expect(first).toMatchObject({
      id: 1,
      answer: 2,
      span: { start: 1.5, end: 4.25 },
      show: "Harbour",
      clip: "harbour_s01e01_seg01_clip_00",
    });
    expect(first.answers[2]).toBe("A tray.");
    expect(second).toMatchObject({ answer: null, span: null });
    expect(spanOrDefault(second.span)).toEqual({ start: 10, end: 30 });
  });

  test("of TVQA+, with spans and boxes", async () => {
    const [first, second] = await collect(readTvqaQuestions(put(folder, "plus.json", JSON.stringify(tvqaPlusFile))));
    expect(first).toMatchObject({ id: 11, answer: 2, span: { start: 1.5, end: 4.25 }, show: null });
    expect(first.boxes.get(15)).toEqual([{ label: "tray", left: 2, top: 1, width: 30, height: 40 }]);
    expect(second.boxes.size).toBe(0);
  });

  test("and moments of TVR", async () => {
    const moments = await collect(readMomentDescriptions(put(folder, "tvr.jsonl", jsonLines(tvrLines))));
    expect(moments[1]).toEqual({
      id: 8,
      clip: "harbour_s01e01_seg01_clip_00",
      description: "Bo says hello.",
      span: { start: 0, end: 9 },
      duration: 60.5,
      type: "vt",
    });
  });

  test.each([
    [{ ts: "1.5" }, ".ts", 'expected seconds like "48.62-60.02", found "1.5"'],
    [{ ts: [1] }, ".ts[1]", "expected a number, found nothing"],
    [{ answer_idx: 5 }, ".answer_idx", "expected 0 to 4, found 5"],
    [{ qid: "1" }, ".qid", "expected an integer, found a string"],
    [{ a4: undefined }, ".a4", "expected a string, found nothing"],
    [{ bbox: { x: [] } }, ".bbox.x", "expected the number of a frame as key"],
  ])("with %j are named with their line and field", async (change, place, reason) => {
    const file = put(
      folder,
      "bad.jsonl",
      `${jsonLines([tvqaLines[0]])}\n${jsonLines([{ ...tvqaLines[1], ...change }])}{"q": tru\n`,
    );
    const tally = new BadRecordTally();
    expect(await collect(readTvqaQuestions(file, tally))).toHaveLength(1);
    expect(tally.first).toMatchObject([{ file, line: 3, place: place.slice(1), reason }, { line: 4 }]);
    expect(tally.first[1].reason).toContain("not JSON at character 7: expected a value");
    await expect(collect(readTvqaQuestions(file))).rejects.toThrow(`${file}:3: ${place.slice(1)}: ${reason}`);
  });
});

describe("video features", () => {
  const path = `${folder}/features.h5`;
  beforeAll(async () => {
    await h5wasm.ready;
    const file = new h5wasm.File(path, "w");
    file.create_dataset({
      name: "clip_a",
      data: Float32Array.from({ length: 12 }, (_, index) => index / 2),
      shape: [4, 3],
    });
    file.create_dataset({ name: "clip_b", data: Int32Array.from([1, 2]), shape: [2, 1] });
    file.create_dataset({ name: "flat", data: new Float32Array(3), shape: [3] });
    file.create_dataset({ name: "words", data: ["x", "y"], shape: [2, 1] });
    file.create_group("group");
    file.close();
  });

  test("are read clip by clip and frame by frame", async () => {
    const features = await FrameFeatures.open(path);
    expect(features.clips).toEqual(expect.arrayContaining(["clip_a", "clip_b"]));
    expect(features.shape("clip_a")).toEqual([4, 3]);
    expect(features.read("clip_a", 1, 3)).toEqual({
      frames: 2,
      channels: 3,
      values: Float32Array.from([1.5, 2, 2.5, 3, 3.5, 4]),
    });
    expect(features.read("clip_a", -2, 99).frames).toBe(4);
    expect(features.read("clip_a", 9).values).toHaveLength(0);
    expect(features.read("clip_b").values).toEqual(Float32Array.from([1, 2]));
    features.close();
  });

  test("of clips that are not there, or are something else, are refused", async () => {
    const features = await FrameFeatures.open(path);
    expect(() => features.read("flat")).toThrow("expected a data set of shape (frames, channels), found shape (3)");
    expect(() => features.read("group")).toThrow("found a group");
    expect(() => features.read("words")).toThrow("expected numbers");
    expect(() => features.read("nobody")).toThrow('no clip "nobody"');
    expect(() => features.read("group/..")).toThrow("no clip");
    features.close();
    await expect(FrameFeatures.open(put(folder, "not.h5", "not HDF5 at all"))).rejects.toThrow("expected an HDF5 file");
    await expect(FrameFeatures.open(`${folder}/none.h5`)).rejects.toThrow("does not exist");
  });
});
