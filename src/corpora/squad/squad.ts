/** SQuAD v1.1 files (Rajpurkar et al. 2016), also SQuAD v2.0's and other sets in the same schema. */
import { FieldError, type ReadOptions, reportBad } from "../badRecords.ts";
import { asObject, integerField, joinPlace, listField, own, stringField } from "../fields.ts";
import { describePath, readJsonElements } from "../jsonElements.ts";
import { CodePointOffsets } from "./codePoints.ts";

/** One of the answers of a question: a span of the paragraph. */
export interface SquadAnswer {
  readonly text: string;
  /** Offset in the context in Unicode code points, as in the file. */
  readonly answerStart: number;
  /** The same span in UTF-16 units: `context.slice(start, end) === text`. */
  readonly start: number;
  readonly end: number;
}

/** A question about a paragraph. */
export interface SquadQuestion {
  readonly id: string;
  readonly question: string;
  /** At least one, except where `isImpossible`. */
  readonly answers: readonly SquadAnswer[];
  /** SQuAD v2.0's `is_impossible`; false in v1.1. */
  readonly isImpossible: boolean;
}

/** A paragraph with its questions. */
export interface SquadParagraph {
  readonly context: string;
  readonly questions: readonly SquadQuestion[];
  /** Title of its article; empty where the file gives none. */
  readonly title: string;
  /** Index of the article in the file, and of the paragraph in the article. */
  readonly article: number;
  readonly paragraph: number;
}

/** An article. */
export interface SquadArticle {
  readonly title: string;
  /** Index in the file. */
  readonly article: number;
  readonly paragraphs: readonly SquadParagraph[];
}

function readAnswer(value: unknown, context: string, offsets: CodePointOffsets, path: string): SquadAnswer {
  const record = asObject(value, path);
  const text = stringField(record, "text", path);
  const answerStart = integerField(record, "answer_start", path);
  if (text === "") throw new FieldError(`${path}.text`, "expected a text, found an empty string");
  const start = offsets.toUnits(answerStart);
  if (start === undefined) {
    throw new FieldError(
      `${path}.answer_start`,
      `expected an offset in the context of ${offsets.length} code points, found ${answerStart}`,
    );
  }
  if (!context.startsWith(text, start)) {
    const found = JSON.stringify(context.slice(start, start + Math.min(text.length, 40)));
    const wanted = JSON.stringify(text.slice(0, 40));
    let hint = "the context does not hold the answer at all";
    const elsewhere = context.indexOf(text);
    if (context.startsWith(text, answerStart)) hint = "it is right in UTF-16 units; expected code points";
    else if (elsewhere >= 0) hint = `the answer stands at ${offsets.fromUnits(elsewhere)}`;
    throw new FieldError(
      `${path}.answer_start`,
      `at ${answerStart} the context has ${found}, the answer is ${wanted}: ${hint}`,
    );
  }
  return { text, answerStart, start, end: start + text.length };
}

function readQuestion(value: unknown, context: string, offsets: CodePointOffsets, path: string): SquadQuestion {
  const record = asObject(value, path);
  const isImpossible = own(record, "is_impossible") === true;
  const answers = listField(record, "answers", path);
  if (answers.length === 0 && !isImpossible) throw new FieldError(`${path}.answers`, "expected at least one answer");
  return {
    id: stringField(record, "id", path),
    question: stringField(record, "question", path),
    answers: answers.map((answer, index) => readAnswer(answer, context, offsets, `${path}.answers[${index}]`)),
    isImpossible,
  };
}

/**
 * The articles of a file in SQuAD's schema, one at a time, so that memory does not grow with the file. Every answer
 * equals its span. With `onBad`, a question that cannot be used is left out of its paragraph, a paragraph out of its
 * article, an article out of the file.
 *
 * @throws UsageError naming file, line, column, place and reason where there is no `onBad`; DataMissingError.
 */
export async function* readSquad(path: string, options: ReadOptions = {}): AsyncGenerator<SquadArticle> {
  let sawData = false;
  const articles = readJsonElements(path, (at) => at.length === 0 || (at.length === 1 && at[0] === "data"));
  for await (const element of articles) {
    const { line, column } = element;
    const article = element.path[1];
    const bad = (place: string, reason: string): void => {
      reportBad(options, { file: path, line, column, place, reason });
    };
    if ("error" in element) {
      if (element.path[0] === "data") sawData = true;
      bad(describePath(element.path), element.error);
      continue;
    }
    if (element.path[0] !== "data" || typeof article !== "number") continue;
    sawData = true;
    const place = describePath(element.path);
    /** The result of `read`, or undefined after a fault that `onBad` has been told of. */
    const attempt = <Result>(read: () => Result): Result | undefined => {
      try {
        return read();
      } catch (error) {
        if (!(error instanceof FieldError)) throw error;
        bad(joinPlace(place, error.path), error.message);
        return undefined;
      }
    };
    const record = attempt(() => {
      const object = asObject(element.value, "");
      return {
        title: typeof own(object, "title") === "string" ? stringField(object, "title", "") : "",
        paragraphs: listField(object, "paragraphs", ""),
      };
    });
    if (!record) continue;
    const paragraphs: SquadParagraph[] = [];
    for (const [index, item] of record.paragraphs.entries()) {
      const at = `.paragraphs[${index}]`;
      const parts = attempt(() => {
        const object = asObject(item, at);
        return { context: stringField(object, "context", at), questions: listField(object, "qas", at) };
      });
      if (!parts) continue;
      const { context } = parts;
      const offsets = new CodePointOffsets(context);
      const questions: SquadQuestion[] = [];
      for (const [number, question] of parts.questions.entries()) {
        const read = attempt(() => readQuestion(question, context, offsets, `${at}.qas[${number}]`));
        if (read) questions.push(read);
      }
      paragraphs.push({ context, questions, title: record.title, article, paragraph: index });
    }
    yield { title: record.title, article, paragraphs };
  }
  if (!sawData) {
    reportBad(options, {
      file: path,
      line: 1,
      place: "data",
      reason: 'expected SQuAD\'s schema, an object with a list "data"',
    });
  }
}

/**
 * Each paragraph of a file once, with all its questions, in the order of the file. A context that the file holds twice
 * comes twice; `distinctContexts` tells.
 */
export async function* readSquadParagraphs(path: string, options: ReadOptions = {}): AsyncGenerator<SquadParagraph> {
  for await (const article of readSquad(path, options)) yield* article.paragraphs;
}
