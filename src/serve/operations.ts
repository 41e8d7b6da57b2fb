/** The operations on a model, each over a group of items of many clients; the results are those of an item alone. */
import { messageOf, UsageError } from "../base/errors.ts";
import { NonFiniteOutputError, nonFiniteIn, TooLargeError } from "../base/finite.ts";
import type { PreparedText, TextFlow } from "../flow/index.ts";
import {
  decodeLatents,
  encodeTexts,
  faultOfLatent,
  type GeneratedText,
  marksOf,
  perturbTexts,
  reconstructTexts,
  scoreTexts,
} from "../generate/index.ts";
import { interpolatePairs } from "../generate/interpolate.ts";
import { latentRecord } from "../generate/latentRecord.ts";
import { samplesOf } from "../generate/sample.ts";
import type { Choices, Group, ItemResult, Items, TextItem } from "./protocol.ts";

function shown({ raw }: { readonly raw: boolean }, { text, tokens }: GeneratedText): string {
  return raw ? tokens.join(" ") : text;
}

/** Records of an item; `id` is the client's name for it. */
function resultOf(records: readonly object[], id?: string | number): ItemResult {
  return { records: records.map((record) => JSON.stringify(id === undefined ? record : { id, ...record })) };
}

/** What stands for the records of a text that nothing can be said of, as in the commands' output. */
function unusable({ line, id }: TextItem, error: string): ItemResult {
  return resultOf([{ line, error }], id);
}

/**
 * Prepares texts, runs `body` on those that can be used, shortest first, so that texts of like length share a pass, and
 * puts the results into the items' order.
 */
function overTexts(
  model: TextFlow,
  items: readonly TextItem[],
  body: (texts: readonly PreparedText[]) => readonly (readonly object[])[],
): ItemResult[] {
  const results = new Array<ItemResult>(items.length);
  const usable: { readonly place: number; readonly text: PreparedText }[] = [];
  items.forEach((item, place) => {
    try {
      usable.push({ place, text: model.prepare(item.text) });
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      results[place] = unusable(item, messageOf(error));
    }
  });
  usable.sort((a, b) => a.text.positions - b.text.positions || a.place - b.place);
  const rows = usable.length > 0 ? body(usable.map(({ text }) => text)) : [];
  usable.forEach(({ place }, index) => {
    const own = rows[index];
    const item = items[place];
    const [fault] = own.flatMap((record) => nonFiniteIn(record) ?? []);
    results[place] = fault === undefined ? resultOf(own, item.id) : unusable(item, fault);
  });
  return results;
}

/** Not the error's own words, which hold the path of the model. */
const nonFiniteWords = "the model computes NaN or infinity where words are chosen: its weights may be damaged";

function score(model: TextFlow, items: readonly TextItem[], { seed }: Choices["score"]): ItemResult[] {
  return overTexts(model, items, (texts) =>
    scoreTexts(model, texts, { seed }).map((row, index) => [
      { text: texts[index].text, ...row, truncated: texts[index].truncated },
    ]),
  );
}

function encode(model: TextFlow, items: readonly TextItem[]): ItemResult[] {
  return overTexts(model, items, (texts) =>
    encodeTexts(model, texts).map((latent, index) => [
      { text: texts[index].text, ...latentRecord(latent), ...marksOf(texts[index]) },
    ]),
  );
}

function perturb(model: TextFlow, items: readonly TextItem[], choices: Choices["perturb"]): ItemResult[] {
  const { variants } = choices;
  return overTexts(model, items, (texts) => {
    const rows = perturbTexts(model, texts, choices);
    return texts.map((text, index) =>
      rows.slice(index * variants, (index + 1) * variants).map((row) => ({
        source: row.source,
        variant: row.variant,
        text: shown(choices, row),
        ...marksOf(text),
      })),
    );
  });
}

function interpolate(
  model: TextFlow,
  items: readonly Items["interpolate"][],
  choices: Choices["interpolate"],
): ItemResult[] {
  const results = new Array<ItemResult>(items.length);
  const usable: { readonly place: number; readonly ends: readonly [PreparedText, PreparedText] }[] = [];
  items.forEach(({ first, second }, place) => {
    const ends: PreparedText[] = [];
    for (const [field, text] of Object.entries({ first, second })) {
      try {
        ends.push(model.prepare(text));
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        results[place] ??= { refused: `${field}: ${messageOf(error)}` };
      }
    }
    if (ends.length === 2) usable.push({ place, ends: [ends[0], ends[1]] });
  });
  const rows =
    usable.length > 0
      ? interpolatePairs(
          model,
          usable.map(({ ends }) => ends),
          choices,
        )
      : [];
  usable.forEach(({ place, ends }, index) => {
    results[place] = resultOf(
      rows[index].map((row) => ({ ratio: row.ratio, text: shown(choices, row), ...marksOf(...ends) })),
    );
  });
  return results;
}

function sample(model: TextFlow, items: readonly Items["sample"][], choices: Choices["sample"]): ItemResult[] {
  return samplesOf(
    model,
    items.map(({ seed }) => seed),
    choices,
  ).map((row) => resultOf([{ text: shown(choices, row), seed: row.seed }]));
}

function decode(model: TextFlow, items: readonly Items["decode"][], choices: Choices["decode"]): ItemResult[] {
  const order = items.map((_, index) => index).sort((a, b) => items[a].positions - items[b].positions || a - b);
  const texts = decodeLatents(
    model,
    order.map((index) => items[index]),
    choices,
  );
  const results = new Array<ItemResult>(items.length);
  order.forEach((index, row) => {
    results[index] = resultOf([{ text: shown(choices, texts[row]) }]);
  });
  return results;
}

/** What becomes of an item alone where the numbers that its words are chosen by are not finite. */
function withoutWords(model: TextFlow, { operation, choices, items }: Group): ItemResult {
  const [item] = items;
  if ("text" in item) return unusable(item, nonFiniteWords);
  if (operation === "decode" && "values" in item) {
    const refused = faultOfLatent(model, item, choices);
    if (refused !== undefined) return { refused };
  }
  return { failed: nonFiniteWords };
}

function compute(model: TextFlow, group: Group): ItemResult[] {
  switch (group.operation) {
    case "score":
      return score(model, group.items, group.choices);
    case "encode":
      return encode(model, group.items);
    case "reconstruct":
      return overTexts(model, group.items, (texts) => reconstructTexts(model, texts).map((row) => [row]));
    case "perturb":
      return perturb(model, group.items, group.choices);
    case "interpolate":
      return interpolate(model, group.items, group.choices);
    case "sample":
      return sample(model, group.items, group.choices);
    case "decode":
      return decode(model, group.items, group.choices);
  }
}

/**
 * One result an item, in the items' order. Where the whole group fails, each item is tried alone, so that nobody pays
 * for the company of a bad one.
 */
export function runGroup(model: TextFlow, group: Group): ItemResult[] {
  try {
    return compute(model, group);
  } catch (error) {
    if (group.items.length > 1) {
      return group.items.flatMap((item) => runGroup(model, { ...group, items: [item] } as Group));
    }
    if (error instanceof UsageError || error instanceof TooLargeError) return [{ refused: messageOf(error) }];
    return [error instanceof NonFiniteOutputError ? withoutWords(model, group) : { failed: messageOf(error) }];
  }
}
