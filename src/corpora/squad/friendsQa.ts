/** FriendsQA (Yang and Choi 2019): questions about dialogues, with answers in token positions of an utterance. */
import { FieldError, type ReadOptions, reportBad } from "../badRecords.ts";
import { asList, asObject, integerField, type JsonObject, joinPlace, listField, own, stringField } from "../fields.ts";
import { describePath, readJsonElements } from "../jsonElements.ts";
import { CodePointOffsets } from "./codePoints.ts";
import type { SquadAnswer, SquadParagraph } from "./squad.ts";

/** What one or more persons say. */
export interface Utterance {
  readonly speakers: readonly string[];
  /** Tokens joined by single spaces. */
  readonly text: string;
}

/** An answer: tokens of one utterance, or its speakers. */
export interface DialogueAnswer {
  readonly text: string;
  /** Index of the utterance. */
  readonly utterance: number;
  /** First and last token of the utterance, inclusive; null where the answer is a speaker. */
  readonly tokens: readonly [number, number] | null;
}

export interface DialogueQuestion {
  readonly id: string;
  readonly question: string;
  readonly answers: readonly DialogueAnswer[];
}

/** A scene with its questions. */
export interface Dialogue {
  readonly title: string;
  readonly utterances: readonly Utterance[];
  readonly questions: readonly DialogueQuestion[];
  /** Index of the article in the file, and of the dialogue in the article. */
  readonly article: number;
  readonly paragraph: number;
}

function readUtterance(value: unknown, index: number, path: string): Utterance {
  const record = asObject(value, path);
  const uid = integerField(record, "uid", path);
  if (uid !== index) throw new FieldError(`${path}.uid`, `expected ${index}, the place in the list, found ${uid}`);
  const speakers = listField(record, "speakers", path).map((speaker, number) => {
    if (typeof speaker !== "string") throw new FieldError(`${path}.speakers[${number}]`, "expected a string");
    return speaker;
  });
  return { speakers, text: stringField(record, "utterance", path) };
}

function readAnswer(value: unknown, utterances: readonly Utterance[], path: string): DialogueAnswer {
  const record = asObject(value, path);
  const text = stringField(record, "answer_text", path);
  const utterance = integerField(record, "utterance_id", path);
  const [first, last] = [integerField(record, "inner_start", path), integerField(record, "inner_end", path)];
  const said = utterances[utterance];
  if (!said) throw new FieldError(`${path}.utterance_id`, `expected 0 to ${utterances.length - 1}, found ${utterance}`);
  if (own(record, "is_speaker") === true) {
    if (!said.speakers.join(", ").includes(text)) {
      throw new FieldError(`${path}.answer_text`, `${JSON.stringify(text.slice(0, 40))} does not speak there`);
    }
    return { text, utterance, tokens: null };
  }
  const span = said.text
    .split(" ")
    .slice(first, last + 1)
    .join(" ");
  if (first < 0 || last < first || span !== text) {
    const found = JSON.stringify(span.slice(0, 40));
    throw new FieldError(
      path,
      `tokens ${first} to ${last} are ${found}, the answer is ${JSON.stringify(text.slice(0, 40))}`,
    );
  }
  return { text, utterance, tokens: [first, last] };
}

/**
 * The dialogues of a FriendsQA file, in order; every answer equals its tokens. With `onBad`, a question that cannot be
 * used is left out of its dialogue, a dialogue out of the file.
 *
 * @throws UsageError naming file, line, column, place and reason where there is no `onBad`; DataMissingError.
 */
export async function* readFriendsQa(path: string, options: ReadOptions = {}): AsyncGenerator<Dialogue> {
  const articles = readJsonElements(path, (at) => at.length === 0 || (at.length === 1 && at[0] === "data"));
  let sawData = false;
  for await (const element of articles) {
    const place = describePath(element.path);
    const { line, column } = element;
    const bad = (where: string, reason: string): void => {
      reportBad(options, { file: path, line, column, place: where, reason });
    };
    const attempt = <Result>(read: () => Result): Result | undefined => {
      try {
        return read();
      } catch (error) {
        if (!(error instanceof FieldError)) throw error;
        bad(joinPlace(place, error.path), error.message);
        return undefined;
      }
    };
    if (element.path[0] === "data") sawData = true;
    if ("error" in element) {
      bad(place, element.error);
      continue;
    }
    const article = element.path[1];
    if (element.path[0] !== "data" || typeof article !== "number") continue;
    const record = attempt((): { title: string; paragraphs: readonly unknown[] } => {
      const object = asObject(element.value, "");
      return { title: stringField(object, "title", ""), paragraphs: listField(object, "paragraphs", "") };
    });
    for (const [paragraph, item] of (record?.paragraphs ?? []).entries()) {
      const at = `.paragraphs[${paragraph}]`;
      const parts = attempt((): { utterances: Utterance[]; questions: readonly unknown[] } => {
        const object: JsonObject = asObject(item, at);
        // The published files have a colon in the key.
        const key = Object.hasOwn(object, "utterances:") ? "utterances:" : "utterances";
        const utterances = asList(own(object, key), `${at}.${key}`);
        return {
          utterances: utterances.map((value, index) => readUtterance(value, index, `${at}.${key}[${index}]`)),
          questions: listField(object, "qas", at),
        };
      });
      if (!record || !parts) continue;
      const questions = parts.questions.flatMap((value, index) => {
        const where = `${at}.qas[${index}]`;
        const question = attempt((): DialogueQuestion => {
          const object = asObject(value, where);
          const answers = listField(object, "answers", where);
          return {
            id: stringField(object, "id", where),
            question: stringField(object, "question", where),
            answers: answers.map((answer, number) =>
              readAnswer(answer, parts.utterances, `${where}.answers[${number}]`),
            ),
          };
        });
        return question ? [question] : [];
      });
      yield { title: record.title, utterances: parts.utterances, questions, article, paragraph };
    }
  }
  if (!sawData) {
    reportBad(options, { file: path, line: 1, place: "data", reason: 'expected an object with a list "data"' });
  }
}

/**
 * A dialogue as a SQuAD paragraph: one line an utterance, `Speaker, Speaker : text`. Answers of a question that are the
 * same span are merged. Questions without an answer are left out.
 */
export function dialogueParagraph(dialogue: Dialogue): SquadParagraph {
  const heads = dialogue.utterances.map(({ speakers }) => `${speakers.join(", ")} : `);
  const lines = dialogue.utterances.map(({ text }, index) => heads[index] + text);
  const starts: number[] = [];
  for (let index = 0, at = 0; index < lines.length; index++) {
    starts.push(at);
    at += lines[index].length + 1;
  }
  const context = lines.join("\n");
  const offsets = new CodePointOffsets(context);
  const place = ({ text, utterance, tokens }: DialogueAnswer): SquadAnswer => {
    const { text: said, speakers } = dialogue.utterances[utterance];
    const inside = tokens
      ? heads[utterance].length +
        said
          .split(" ")
          .slice(0, tokens[0])
          .reduce((sum, token) => sum + token.length + 1, 0)
      : speakers.join(", ").indexOf(text);
    const start = starts[utterance] + inside;
    return { text, answerStart: offsets.fromUnits(start), start, end: start + text.length };
  };
  const questions = dialogue.questions.flatMap(({ id, question, answers }) => {
    const placed = new Map<string, SquadAnswer>();
    for (const answer of answers.map(place)) {
      const key = `${answer.start} ${answer.end}`;
      if (!placed.has(key)) placed.set(key, answer);
    }
    return placed.size > 0 ? [{ id, question, answers: [...placed.values()], isImpossible: false }] : [];
  });
  const { title, article, paragraph } = dialogue;
  return { context, questions, title, article, paragraph };
}
