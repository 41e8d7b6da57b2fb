import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BadRecordTally,
  contextChunks,
  countQuestions,
  describeBadRecord,
  dialogueParagraph,
  distinctContexts,
  paragraphsOf,
  questionTriples,
  readFriendsQa,
  readSquad,
  readSquadParagraphs,
  replaceChunks,
  type SentenceSplitter,
  type SquadArticle,
  type SquadParagraph,
  splitDu17,
  splitSquadHalves,
} from "../../src/corpora/index.ts";
import { CodePointOffsets } from "../../src/corpora/squad/codePoints.ts";
import { collect, friendsQaFile, put, scratch, squadAnswer, squadFile } from "./support.ts";

const folder = scratch();
const good = put(folder, "good.json", JSON.stringify(squadFile));

describe("reading SQuAD", () => {
  test("gives articles, paragraphs, questions and answers whose spans are right in both counts", async () => {
    const articles = await collect(readSquad(good));
    expect(articles.map(({ title, paragraphs }) => [title, paragraphs.length])).toEqual([
      ["Skiff", 1],
      ["Lamp", 3],
    ]);
    expect(countQuestions(articles)).toBe(4);
    const keeper = articles[1].paragraphs[2].questions[0].answers[0];
    const { context } = articles[1].paragraphs[2];
    expect(keeper.start - keeper.answerStart).toBe(2);
    for (const paragraph of paragraphsOf(articles)) {
      for (const { answers } of paragraph.questions) {
        for (const { text, start, end, answerStart } of answers) {
          expect(paragraph.context.slice(start, end)).toBe(text);
          expect(
            Array.from(paragraph.context)
              .slice(answerStart, answerStart + Array.from(text).length)
              .join(""),
          ).toBe(text);
        }
      }
    }
    expect(context.slice(keeper.start)).toBe("lit it every night.");
  });

  test("gives each paragraph once, and says which contexts differ", async () => {
    const paragraphs = await collect(readSquadParagraphs(good));
    expect(paragraphs.map(({ article, paragraph }) => [article, paragraph])).toEqual([
      [0, 0],
      [1, 0],
      [1, 1],
      [1, 2],
    ]);
    expect(distinctContexts(paragraphs)).toHaveLength(3);
  });

  test("reads is_impossible of SQuAD v2.0", async () => {
    const file = put(
      folder,
      "v2.json",
      JSON.stringify({
        version: "v2.0",
        data: [
          {
            title: "T",
            paragraphs: [{ context: "c", qas: [{ id: "1", question: "q", answers: [], is_impossible: true }] }],
          },
        ],
      }),
    );
    expect((await collect(readSquadParagraphs(file)))[0].questions[0]).toMatchObject({
      isImpossible: true,
      answers: [],
    });
  });

  const context = "\u{1f6a8} \u{1f6a8} the pier";
  const withAnswer = (answer: unknown): unknown => ({
    data: [
      {
        title: "T",
        paragraphs: [
          {
            context,
            qas: [
              { id: "1", question: "q", answers: [squadAnswer(context, "pier")] },
              { id: "2", question: "q", answers: [answer] },
            ],
          },
        ],
      },
    ],
  });
  test.each([
    [{ answer_start: 6, text: "the" }, "it is right in UTF-16 units; expected code points"],
    [{ answer_start: 0, text: "the" }, "the answer stands at 4"],
    [{ answer_start: 0, text: "sea" }, "the context does not hold the answer at all"],
    [{ answer_start: 12.5, text: "the" }, "expected an integer, found the number 12.5"],
    [{ answer_start: -1, text: "the" }, "expected an offset in the context of 12 code points, found -1"],
    [{ answer_start: 99, text: "the" }, "found 99"],
    [{ answer_start: 0, text: "" }, "expected a text, found an empty string"],
    [{ answer_start: 0 }, "expected a string, found nothing"],
    ["the", "expected an object, found a string"],
    [null, "expected an object, found null"],
  ])("names file, line, column, place and reason of a broken answer: %j", async (answer, reason) => {
    const file = put(folder, "broken.json", `\n${JSON.stringify(withAnswer(answer))}`);
    await expect(collect(readSquad(file))).rejects.toThrow(reason);
    await expect(collect(readSquad(file))).rejects.toThrow(`${file}:2:10: data[0].paragraphs[0].qas[1].answers[0]`);
    const tally = new BadRecordTally();
    const [{ paragraphs }] = await collect(readSquad(file, tally));
    expect(paragraphs[0].questions.map((question) => question.id)).toEqual(["1"]);
    expect(tally.count).toBe(1);
    expect(describeBadRecord(tally.first[0])).toContain(reason);
  });

  test("skips what is broken at every level, and counts it", async () => {
    const file = put(
      folder,
      "levels.json",
      JSON.stringify({
        version: "1.1",
        data: [
          7,
          { title: "no paragraphs" },
          {
            paragraphs: [
              { qas: [] },
              { context: "x" },
              {
                context: "the",
                qas: [
                  { id: 1, question: "q", answers: [{ answer_start: 0, text: "the" }] },
                  { id: "2", question: "q", answers: [] },
                ],
              },
            ],
          },
        ],
      }),
    );
    const tally = new BadRecordTally();
    const articles = await collect(readSquad(file, tally));
    expect(tally.first.map((bad) => bad.place)).toEqual([
      "data[0]",
      "data[1].paragraphs",
      "data[2].paragraphs[0].context",
      "data[2].paragraphs[1].qas",
      "data[2].paragraphs[2].qas[0].id",
      "data[2].paragraphs[2].qas[1].answers",
    ]);
    expect(articles).toMatchObject([{ title: "", article: 2, paragraphs: [{ context: "the", questions: [] }] }]);
  });

  test("reads a file that was cut off up to the cut", async () => {
    const text = JSON.stringify(squadFile);
    const file = put(folder, "cut.json", text.slice(0, -40));
    const tally = new BadRecordTally();
    expect((await collect(readSquad(file, tally))).map((article) => article.title)).toEqual(["Skiff"]);
    expect(tally.first).toMatchObject([{ reason: "the file ends too early", place: "data[1]", line: 1 }]);
  });

  test("refuses JSON of another kind, and a file that is not there", async () => {
    await expect(collect(readSquad(put(folder, "other.json", '{"words": [1]}')))).rejects.toThrow(
      'an object with a list "data"',
    );
    await expect(collect(readSquad(join404()))).rejects.toThrow("does not exist");
  });
  const join404 = (): string => `${folder}/nowhere.json`;
});

describe("splits", () => {
  const article = (index: number, questions: number, title = `t${index}`): SquadArticle => ({
    title,
    article: index,
    paragraphs: [
      {
        context: `c${index}`,
        title,
        article: index,
        paragraph: 0,
        questions: Array.from({ length: questions }, (_, q) => ({
          id: `${index}.${q}`,
          question: "?",
          answers: [],
          isImpossible: false,
        })),
      },
    ],
  });

  test("halves are cut where the number of questions is nearest to the half, the earlier of two", () => {
    const sizes = (counts: number[]): number[] => {
      const { first, second } = splitSquadHalves(counts.map((count, index) => article(index, count)));
      return [first.length, second.length];
    };
    expect(sizes([10, 1, 1, 10])).toEqual([2, 2]);
    expect(sizes([3, 3, 3, 3])).toEqual([2, 2]);
    expect(sizes([1, 9, 2])).toEqual([2, 1]);
    expect(sizes([1, 2, 1])).toEqual([1, 2]);
    expect(sizes([])).toEqual([0, 0]);
    expect(sizes([100])).toEqual([0, 1]);
  });

  test("Du et al.'s test articles are found however their titles are written", () => {
    const titles = ["Beyonc%C3%A9", "Beyonce\u0301", "New York City", "Oxygen", "50%"];
    const { train, test: held } = splitDu17(titles.map((title, index) => article(index, 1, title)));
    expect(held.map((item) => item.title)).toEqual(titles.slice(0, 3));
    expect(train.map((item) => item.title)).toEqual(["Oxygen", "50%"]);
  });
});

describe("FriendsQA", () => {
  test("becomes SQuAD paragraphs whose answers are the dialogue's", async () => {
    const file = put(folder, "friends.json", JSON.stringify(friendsQaFile, null, 4));
    const [dialogue] = await collect(readFriendsQa(file));
    expect(dialogue.questions[0].answers[0]).toEqual({ text: "under the stairs", utterance: 1, tokens: [2, 4] });
    const { context, questions } = dialogueParagraph(dialogue);
    expect(context).toBe("Ada Moss : Where is the red kettle ?\nBo, Cy : It 's under the stairs .");
    expect(questions.map(({ answers }) => answers.map(({ start, end }) => context.slice(start, end)))).toEqual([
      ["under the stairs"],
      ["Ada Moss"],
    ]);
  });

  test("an answer that is not its tokens is a bad record", async () => {
    const broken = structuredClone(friendsQaFile);
    broken.data[0].paragraphs[0].qas[0].answers[1].inner_start = 1;
    const file = put(folder, "friends-broken.json", JSON.stringify(broken));
    const tally = new BadRecordTally();
    const [dialogue] = await collect(readFriendsQa(file, tally));
    expect(dialogue.questions.map((question) => question.id)).toEqual(["s1_Who"]);
    expect(tally.first).toMatchObject([
      {
        place: "data[0].paragraphs[0].qas[0].answers[1]",
        reason: 'tokens 1 to 4 are "\'s under the stairs", the answer is "under the stairs"',
      },
    ]);
  });
});

/** Sentences end after . ! ? before a space, except inside a span to keep whole. */
const split: SentenceSplitter = (text, keepWhole) => {
  const sentences: { start: number; end: number }[] = [];
  let start = 0;
  for (const match of text.matchAll(/[.!?](?: |$)/g)) {
    const end = match.index + 1;
    if (keepWhole.some((span) => span.start < end && end < span.end)) continue;
    sentences.push({ start, end });
    start = Math.min(text.length, end + 1);
  }
  if (start < text.length) sentences.push({ start, end: text.length });
  return sentences;
};
const countTokens = (text: string): number => text.split(" ").length;

describe("question generation and augmentation", () => {
  test("triples hold the answer's sentence", async () => {
    const paragraphs = await collect(readSquadParagraphs(good));
    const triples = [...questionTriples(paragraphs[0], split)];
    expect(triples.map(({ sentence, answer }) => [sentence, answer])).toEqual([
      ["The skiff left Port Ellery at dawn.", "at dawn"],
      ["Its mast was 12 feet tall.", "12 feet"],
    ]);
    for (const { sentence, answer, answerStart, context, sentenceStart } of triples) {
      expect(sentence.slice(answerStart, answerStart + answer.length)).toBe(answer);
      expect(context.startsWith(sentence, sentenceStart)).toBe(true);
    }
  });

  test("chunks are the maximal runs of sentences without an answer that are short enough", () => {
    const text = "Aa b. Cc d. Ee f g. Hh answer. Ii j. Kk l m n o p q r.";
    const answer = { text: "answer", answerStart: 23, start: 23, end: 29 };
    const question = { id: "1", question: "?", answers: [answer], isImpossible: false };
    const paragraph: SquadParagraph = { context: text, questions: [question], title: "", article: 0, paragraph: 0 };
    const texts = (longest: number): string[] =>
      contextChunks(paragraph, question, { split, countTokens, longest }).map((chunk) => chunk.text);
    expect(texts(254)).toEqual(["Aa b. Cc d. Ee f g.", "Ii j. Kk l m n o p q r."]);
    expect(texts(5)).toEqual(["Aa b. Cc d.", "Ee f g.", "Ii j."]);
    expect(texts(1)).toEqual([]);
  });

  test("replacing chunks moves the answers and changes nothing else", () => {
    const word = fc.constantFrom("salt", "\u{1f6a8}", "pier", "x", "élan");
    const sentence = fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => `${words.join(" ")}.`);
    fc.assert(
      fc.property(
        fc.array(sentence, { minLength: 1, maxLength: 8 }),
        fc.nat(),
        fc.nat(),
        fc.array(fc.string(), { minLength: 8, maxLength: 8 }),
        fc.nat(),
        (sentences, which, wide, replacements, mask) => {
          const context = sentences.join(" ");
          const offsets = new CodePointOffsets(context);
          const first = which % offsets.length;
          const last = Math.min(offsets.length, first + 1 + (wide % 6));
          const [start, end] = [offsets.toUnits(first) ?? 0, offsets.toUnits(last) ?? 0];
          const answer = { text: context.slice(start, end), answerStart: first, start, end };
          const question = { id: "1", question: "?", answers: [answer], isImpossible: false };
          const paragraph: SquadParagraph = { context, questions: [question], title: "", article: 0, paragraph: 0 };
          const chunks = contextChunks(paragraph, question, { split, countTokens, longest: 7 });
          for (const chunk of chunks) {
            expect(chunk.end <= start || chunk.start >= end).toBe(true);
            expect(countTokens(chunk.text)).toBeLessThanOrEqual(7);
          }
          const chosen = new Map(
            chunks.flatMap((chunk, index) => ((mask >> index) & 1 ? [[chunk, replacements[index % 8]] as const] : [])),
          );
          const replaced = replaceChunks(paragraph, question, chosen);
          const [moved] = replaced.question.answers;
          expect(replaced.context.slice(moved.start, moved.end)).toBe(answer.text);
          expect(new CodePointOffsets(replaced.context).toUnits(moved.answerStart)).toBe(moved.start);
          const change = [...chosen].reduce((sum, [chunk, text]) => sum + text.length - chunk.text.length, 0);
          expect(replaced.context.length).toBe(context.length + change);
          if (chosen.size === 0) expect(replaced.context).toBe(context);
        },
      ),
      { numRuns: 300, seed: 3 },
    );
  });
});

test("offsets in code points and in UTF-16 units are each other's inverse", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", "é", "\u{1f6a8}", "\ud83d", "\n") }), (text) => {
      const offsets = new CodePointOffsets(text);
      const points = Array.from(text);
      expect(offsets.length).toBe(points.length);
      for (let index = 0; index <= points.length; index++) {
        const units = points.slice(0, index).join("").length;
        expect(offsets.toUnits(index)).toBe(units);
        expect(offsets.fromUnits(units)).toBe(index);
      }
      expect(offsets.toUnits(points.length + 1)).toBeUndefined();
    }),
    { numRuns: 300, seed: 4 },
  );
});
