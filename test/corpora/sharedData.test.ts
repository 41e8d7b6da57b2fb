import { expect, test } from "vitest";
import {
  cleanText,
  clipText,
  contextChunks,
  countQuestions,
  dialogueParagraph,
  distinctContexts,
  inspectFiles,
  locateCues,
  locatedText,
  paragraphsOf,
  questionTriples,
  readFriendsQa,
  readParallel,
  readSquad,
  readSquadParagraphs,
  readSubtitleClips,
  readTvqaQuestions,
  romanianLetters,
  type SubtitleClip,
  splitDu17,
  splitSquadHalves,
} from "../../src/corpora/index.ts";
import { tokenizerByName } from "../../src/text/tokenizer-names.ts";
import { readWordPiece } from "../../src/text/wordPieceFolder.ts";
import { describeWithSharedData, sharedLines, sharedPath } from "../support/sharedData.ts";
import { collect } from "./support.ts";

describeWithSharedData("the real data", () => {
  // file: articles, paragraphs, questions, answers (null where the data's description does not say)
  test.each([
    ["train-v1.1.rebuilt.json", 424, 18_333, 85_599, 85_599],
    ["dev-v1.1.rebuilt.json", 48, 2067, 10_570, 34_726],
    ["xquad.en.json", null, 240, 1190, 1190],
    ["xquad.ro.json", null, 240, 1190, 1190],
    ["friendsqa.dev.squad.json", null, 136, 1182, 1883],
    ["friendsqa.tst.squad.json", null, 113, 1201, 1997],
    ["policyqa.dev.json", null, 574, 3809, null],
    ["policyqa.test.json", null, 500, 4152, null],
    ["molweni.test.squad.json", null, 100, 2560, null],
  ])(
    "%s has the stated counts, and every answer is its span in code points",
    async (name, articles, paragraphs, questions, answers) => {
      const read = await collect(readSquad(sharedPath(`squad/${name}`)));
      const all = paragraphsOf(read);
      if (articles !== null) expect(read).toHaveLength(articles);
      expect([all.length, countQuestions(read)]).toEqual([paragraphs, questions]);
      let count = 0;
      let differ = 0;
      for (const { context, questions: asked } of all) {
        const points = Array.from(context);
        for (const { answers: given } of asked) {
          expect(given.length).toBeGreaterThan(0);
          for (const { text, answerStart, start, end } of given) {
            count++;
            if (start !== answerStart) differ++;
            // Compared with a plain list of code points, not with the reader's own index.
            const wanted = Array.from(text);
            if (
              points.slice(answerStart, answerStart + wanted.length).join("") !== text ||
              context.slice(start, end) !== text
            ) {
              throw new Error(`${name}: ${JSON.stringify(text)} is not at ${answerStart}`);
            }
          }
        }
      }
      if (answers !== null) expect(count).toBe(answers);
      expect(differ).toBe(name.startsWith("train") ? 8 : 0);
    },
  );

  // file, tokenizer: answers, and those that begin and end where tokens do
  test.each([
    ["dev", "wordpiece", 34_726, 34_658],
    ["dev", "ptb-cased", 34_726, 34_345],
    ["train", "wordpiece", 85_599, 85_427],
  ])("answers of SQuAD's %s file come back from %s tokens of their context", async (file, name, answers, whole) => {
    const tokenizer = name === "wordpiece" ? readWordPiece(sharedPath("minilm")) : tokenizerByName(name);
    const counts = { answers: 0, whole: 0, wrong: 0 };
    for await (const { context, questions } of readSquadParagraphs(sharedPath(`squad/${file}-v1.1.rebuilt.json`))) {
      const tokens = tokenizer.tokenizeWithOffsets(context);
      for (const answer of questions.flatMap((question) => question.answers)) {
        // The tokens that touch the answer, and what they stand for in the context.
        const first = tokens.findIndex(({ end }) => end > answer.start);
        let last = first;
        while (tokens[last + 1]?.start < answer.end) last++;
        const { start } = tokens[first];
        const { end } = tokens[last];
        counts.answers++;
        if (context.slice(start, end) === answer.text) counts.whole++;
        // Elsewhere the answer is a part of a token ("gold" of "gold-themed"): nothing but the rest of that token comes with it.
        const more = context.slice(start, Math.max(start, answer.start)) + context.slice(answer.end, end);
        if (/\s/.test(more) || !context.slice(start, end).includes(answer.text.trim())) counts.wrong++;
      }
    }
    expect(counts).toEqual({ answers, whole, wrong: 0 });
  });

  test("SQuAD's dev set is cut between articles next to 5,285 questions; the Du et al. test articles have 9,877", async () => {
    const dev = await collect(readSquad(sharedPath("squad/dev-v1.1.rebuilt.json")));
    const { first, second } = splitSquadHalves(dev);
    expect([first.length, countQuestions(first), second.length, countQuestions(second)]).toEqual([23, 5401, 25, 5169]);
    const contexts = new Set(distinctContexts(paragraphsOf(first)));
    expect(distinctContexts(paragraphsOf(second)).filter((context) => contexts.has(context))).toEqual([]);
    const train = await collect(readSquad(sharedPath("squad/train-v1.1.rebuilt.json")));
    expect(countQuestions(splitDu17(train).test)).toBe(9877);
  });

  test("the sentences around SQuAD's answers are those of Du et al.; answers stay whole, chunks hold none", async () => {
    const { tokenize } = tokenizerByName("ptb");
    const joined = (tokens: readonly string[] | string): string => [tokens].flat().join("").replace(/\s+/g, "");
    const published = new Map<string, Set<string>>();
    const sentences = sharedLines("squad-qg/src-dev.txt");
    for (const [index, question] of sharedLines("squad-qg/tgt-dev.txt").entries()) {
      const key = joined(question);
      published.set(key, (published.get(key) ?? new Set()).add(joined(sentences[index])));
    }
    const counts = { triples: 0, questions: 0, sentences: 0, chunks: 0, cut: 0 };
    const countTokens = (text: string): number => text.split(" ").length;
    for await (const paragraph of readSquadParagraphs(sharedPath("squad/dev-v1.1.rebuilt.json"))) {
      for (const { sentence, answer, answerStart, question } of questionTriples(paragraph)) {
        if (sentence.slice(answerStart, answerStart + answer.length) !== answer) counts.cut++;
        const sources = published.get(joined(tokenize(question)));
        counts.triples++;
        if (sources) counts.questions++;
        if (sources?.has(joined(tokenize(sentence)))) counts.sentences++;
      }
      const [question] = paragraph.questions;
      for (const chunk of contextChunks(paragraph, question, { countTokens })) {
        counts.chunks++;
        if (question.answers.some(({ start, end }) => start < chunk.end && chunk.start < end)) counts.cut++;
      }
    }
    // 97.3 % of the sentences are theirs to the letter; they split by another program.
    expect(counts).toEqual({ triples: 10_570, questions: 10_570, sentences: 10_286, chunks: 2408, cut: 0 });
  });

  test.each([
    ["dev", 136, 1182],
    ["tst", 113, 1201],
  ])("FriendsQA %s becomes the derived SQuAD file", async (name, dialogues, questions) => {
    const read = await collect(readFriendsQa(sharedPath(`squad/friendsqa_${name}.json`)));
    expect([read.length, read.reduce((sum, dialogue) => sum + dialogue.questions.length, 0)]).toEqual([
      dialogues,
      questions,
    ]);
    const derived = await collect(readSquadParagraphs(sharedPath(`squad/friendsqa.${name}.squad.json`)));
    expect(read.map(dialogueParagraph).map(({ context, questions: asked }) => ({ context, asked }))).toEqual(
      derived.map(({ context, questions: asked }) => ({ context, asked })),
    );
  });

  const read = new Map<string, Promise<SubtitleClip[]>>();
  const subtitles = (name: string): Promise<SubtitleClip[]> => {
    const clips = read.get(name) ?? collect(readSubtitleClips(sharedPath(`tvqa/${name}`)));
    read.set(name, clips);
    return clips;
  };

  test("MELD's clips are the same in all four forms of subtitles, and clean text is the published tokenisation", async () => {
    const tokenised = await subtitles("meld_subtitles.json");
    const cache = await subtitles("meld_subtitles.srt_data_cache.json");
    const tvr = await subtitles("meld_preprocessed_subtitles.jsonl");
    const srt = await subtitles("meld_subtitles_srt_dev");
    const splits = (clips: readonly SubtitleClip[]): number[] =>
      ["train", "dev", "test"].map((split) => clips.filter((clip) => clip.split === split).length);
    for (const clips of [tokenised, cache, tvr]) {
      expect([clips.length, clips.reduce((sum, clip) => sum + clip.cues.length, 0)]).toEqual([1374, 13_011]);
      expect(splits(clips)).toEqual([998, 109, 267]);
    }
    expect(splits(srt)).toEqual([0, 109, 0]);
    const starts = (clip: SubtitleClip): number[] => clip.cues.map((cue) => cue.start);
    for (const [index, clip] of tokenised.entries()) {
      expect(cache[index].cues.map((cue) => cleanText(cue.text))).toEqual(clip.cues.map((cue) => cue.text));
      expect([starts(cache[index]), starts(tvr[index])]).toEqual([starts(clip), starts(clip)]);
    }
    const byId = new Map(cache.map((clip) => [clip.id, clip]));
    for (const clip of srt) {
      const other = byId.get(clip.id);
      expect(clip.cues.map((cue) => cue.text)).toEqual(other?.cues.map((cue) => cue.text));
      for (const [index, cue] of clip.cues.entries())
        expect(cue.start).toBeCloseTo(other?.cues[index].start ?? Number.NaN, 9);
    }
  });

  // Clip by its place in meld_subtitles.json and its start times, span in seconds, cues told by hand from the rule:
  // start strictly inside the span, else the nearest start with its neighbours; and the one before, but for cue 0.
  test.each([
    [3, "meld_s03e12_train_dia0003", [0, 5], [0, 1, 2, 3]],
    [71, "meld_s03e23_train_dia0074", [2.5, 9], [0, 1, 2, 3, 4]],
    [139, "meld_s01e20_train_dia0145", [10, 10.01], [0, 1, 2]],
    [207, "meld_s02e16_train_dia0217", [0.5, 0.6], [0]],
    [275, "meld_s01e15_train_dia0286", [100_000, 100_001], [1, 2, 3]],
    [343, "meld_s03e17_train_dia0357", [3, 20], [1, 2]],
    [411, "meld_s08e11_train_dia0426", [0, 1000], [1, 2, 3, 4, 5, 6, 7]],
    [479, "meld_s03e17_train_dia0496", [7, 7.5], [0, 1, 2]],
    [547, "meld_s05e12_train_dia0567", [12, 13], [0]],
    [615, "meld_s04e09_train_dia0640", [1, 4], [0, 1]],
    [683, "meld_s08e20_train_dia0712", [5, 6], [0, 1, 2]],
    [751, "meld_s03e19_train_dia0782", [20, 30], [1, 2, 3, 4, 5]],
    [819, "meld_s07e17_train_dia0851", [10, 30], [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]],
    [887, "meld_s04e23_train_dia0922", [0, 0], [0, 1]],
    [955, "meld_s04e08_train_dia0993", [4, 4.2], [1, 2, 3]],
    [1023, "meld_s02e01_dev_dia0025", [8, 15], [3, 4]],
    [1091, "meld_s03e20_dev_dia0097", [15, 22], [3, 4, 5, 6]],
    [1159, "meld_s05e23_test_dia0055", [6, 11], [1, 2]],
    [1227, "meld_s07e04_test_dia0125", [2, 2.1], [0, 1, 2, 3]],
    [1295, "meld_s05e04_test_dia0196", [30, 40], [5, 6, 7]],
  ] as const)("clip %d, %s, from %j s: cues %j", async (place, id, [start, end], cues) => {
    const clip = (await subtitles("meld_subtitles.json"))[place];
    const untokenised = (await subtitles("meld_subtitles.srt_data_cache.json"))[place];
    expect(clip.id).toBe(id);
    expect(
      locateCues(
        clip.cues.map((cue) => cue.start),
        { start, end },
      ),
    ).toEqual(cues);
    const text = clipText({ ...clip, cues: cues.map((index) => clip.cues[index]) });
    expect(locatedText(clip, { start, end })).toBe(text);
    expect(locatedText(untokenised, { start, end })).toBe(text);
  });

  test("TVQA, TVQA+ and TVR have the stated counts", async () => {
    const questions = await collect(readTvqaQuestions(sharedPath("tvqa/tvqa_test_public.jsonl")));
    expect([questions.length, new Set(questions.map((question) => question.clip)).size]).toEqual([7623, 1089]);
    expect([
      questions.filter((question) => !question.span).length,
      questions.filter((question) => question.answer !== null).length,
    ]).toEqual([3, 0]);
    const plus = await collect(readTvqaQuestions(sharedPath("tvqa/tvqa_plus_val.nobbox.json")));
    expect([plus.length, new Set(plus.map((question) => question.clip)).size]).toEqual([3017, 431]);
    expect(
      plus.every(
        (question) => question.answer !== null && question.span !== null && question.span.start <= question.span.end,
      ),
    ).toBe(true);
    const { reports, overlaps } = await inspectFiles([
      sharedPath("tvqa/tvr_val_release.jsonl"),
      sharedPath("tvqa/tvqa_plus_val.nobbox.json"),
    ]);
    expect(reports[0].counts).toEqual({ descriptions: 10_895, clips: 2179 });
    expect(overlaps.find((overlap) => overlap.kind === "clip")?.count).toBe(431);
  });

  test.each([
    ["wmt/train", { "ro-sts": 10_238, tatoeba: 15_206, "xquad-question": 1186, "xquad-sentence": 1092 }],
    ["wmt/dev", { "ro-sts": 2934, tatoeba: 500 }],
    ["wmt/test", { "ro-sts": 2492, tatoeba: 500 }],
    ["wmt/newstest2016", { newstest2016: 1999 }],
    ["wmt/newstest2019-ntrex", { ntrex: 1747 }],
    ["wmt/flores101-devtest", { flores101: 1012 }],
  ])("%s has the stated pairs of each origin", async (name, expected) => {
    const [source, target, origin] = ["ro", "en", "origin"].map((extension) => sharedPath(`${name}.${extension}`));
    const counts: Record<string, number> = {};
    let cedillas = 0;
    for await (const pair of readParallel({ source, target, origin })) {
      counts[pair.origin ?? ""] = (counts[pair.origin ?? ""] ?? 0) + 1;
      if (/[\u015e\u015f\u0162\u0163]/.test(romanianLetters(pair.source))) cedillas++;
    }
    expect(counts).toEqual(expected);
    expect(cedillas).toBe(0);
  });

  test("Du et al.'s pairs, the plain texts and MiniLM have the stated counts, with no record broken", async () => {
    const texts = {
      abc: 30_333,
      brown: 54_658,
      inaugural: 1560,
      masc: 30_615,
      meld_utterances: 12_130,
      movie_reviews: 62_539,
      product_reviews: 8160,
      sentence_polarity: 10_597,
      squad_paragraphs: 3213,
      state_union: 6384,
      subjectivity: 10_000,
      tvqa_questions: 10_631,
    };
    const pairs = ["src-dev", "tgt-dev", "src-test", "tgt-test"].map((name) => sharedPath(`squad-qg/${name}.txt`));
    const { reports } = await inspectFiles([
      ...pairs,
      ...Object.keys(texts).map((name) => sharedPath(`text/${name}.txt`)),
      sharedPath("minilm"),
    ]);
    expect(reports.map((report) => report.bad.count)).toEqual(reports.map(() => 0));
    expect(reports.slice(0, 2).map((report) => report.counts.pairs)).toEqual([10_570, 9877]);
    expect(reports.slice(2, -1).map((report) => report.counts.lines)).toEqual(Object.values(texts));
    expect(reports.at(-1)).toMatchObject({
      format: "model",
      counts: { tensors: 103, parameters: 22_713_216, pieces: 30_522 },
    });
  });
});
