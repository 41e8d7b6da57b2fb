/** What `riverrun evaluate` reads of question answering: gold answers and predictions. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { DataMissingError, messageOf, UsageError } from "../base/errors.ts";
import { locateJsonFault } from "../corpora/jsonFault.ts";
import type { GoldAnswers } from "../metrics/index.ts";

const question = z.looseObject({
  id: z.string(),
  answers: z.array(z.looseObject({ text: z.string() })).min(1, "expected at least one answer"),
});

const squadSchema = z.looseObject({
  data: z.array(z.looseObject({ paragraphs: z.array(z.looseObject({ qas: z.array(question) })) })),
});

/**
 * Questions and gold answers of a file in SQuAD's schema. Spans are not looked at: the metric does not use them.
 *
 * @throws DataMissingError, UsageError naming the file, the place and what was expected.
 */
export function readGold(path: string): GoldAnswers[] {
  return readJson(path, squadSchema).data.flatMap(({ paragraphs }) =>
    paragraphs.flatMap(({ qas }) => qas.map(({ id, answers }) => ({ id, answers: answers.map(({ text }) => text) }))),
  );
}

/** Answers by question id: a JSON object of texts. @throws as {@link readGold}. */
export function readPredictions(path: string): Map<string, string> {
  return new Map(Object.entries(readJson(path, z.record(z.string(), z.string()))));
}

function readJson<T>(path: string, schema: z.ZodType<T>): T {
  let text: string;
  try {
    text = readFileSync(path, "utf8").replace(/^\ufeff/, "");
  } catch (error) {
    throw new DataMissingError(`${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const { offset, reason } = locateJsonFault(text);
    const line = text.slice(0, offset).split("\n").length;
    throw new UsageError(`${path}:${line}: expected JSON: ${reason}`, { cause: error });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [{ path: place, message }] = result.error.issues;
  throw new UsageError(`${path}: ${place.length === 0 ? "the file" : place.join(".")}: ${message}`);
}
