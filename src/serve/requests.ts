/** The JSON of requests: which fields there are, what they may hold, and errors that name the field. */
import { z } from "zod";
import { messageOf } from "../base/errors.ts";
import { type Truncation, truncationRules } from "../flow/causal/truncation.ts";
import { latentOf } from "../generate/latentRecord.ts";
import { noiseVariances } from "../generate/noiseVariance.ts";
import type { Choices, Items, ModelFacts, OperationName, TextItem } from "./protocol.ts";

/** Texts, samples or latents in one request. */
export const mostItems = 256;
/** Texts that one item may ask for: rewrites of a text, ratios of a pair. */
const mostVariants = 64;
const mostBeam = 32;
/** Numbers above this are not exact in JSON. */
const mostSeed = Number.MAX_SAFE_INTEGER - mostItems;

/** As long as a line of a file may be. */
const longestText = 1 << 20;

const text = z.string().max(longestText);
const seed = z.int().min(0).max(mostSeed).default(1);
const beam = z.int().min(1).max(mostBeam).optional();
const raw = z.boolean().default(false);
/** False: no text has `<unk>`; true only allows it where the command does. */
const unknown = z
  .boolean()
  .default(true)
  .transform((may) => (may ? undefined : (false as const)));
const rule = (name: keyof Truncation) => z.number().refine(truncationRules[name].takes).optional();
const id = z.union([z.string(), z.number()]).optional();
const textEntry = z.union([text, z.strictObject({ text, id })]);
/** One `text` (with its `id`), or `texts`. */
const textFields = { text: text.optional(), id, texts: z.array(textEntry).min(1).max(mostItems).optional() };

const ratio = z.number().min(0).max(1);

const schemas = {
  score: z.strictObject({ ...textFields, seed }),
  encode: z.strictObject(textFields),
  reconstruct: z.strictObject(textFields),
  perturb: z.strictObject({
    ...textFields,
    noiseVariance: z.number().refine(noiseVariances.takes).default(0.5),
    variants: z.int().min(1).max(mostVariants).default(1),
    seed,
    beam,
    unknown,
    raw,
  }),
  interpolate: z.strictObject({
    first: text,
    second: text,
    ratios: z.array(ratio).min(1).max(mostVariants).default([0.6, 0.5, 0.4]),
    spherical: z.boolean().default(false),
    beam,
    unknown,
    raw,
  }),
  sample: z.strictObject({
    count: z.int().min(1).max(mostItems).default(10),
    seed,
    temperature: z.number().min(0).optional(),
    topK: rule("topK"),
    topP: rule("topP"),
    minP: rule("minP"),
    beam,
    unknown,
    raw,
  }),
  decode: z.strictObject({
    latents: z
      .array(z.strictObject({ positions: z.int().min(1), values: z.array(z.number()) }))
      .min(1)
      .max(mostItems),
    beam,
    unknown,
    raw,
  }),
} satisfies Record<OperationName, z.ZodType>;

/** The operations, in the order of the help. */
export const operationNames = Object.keys(schemas) as OperationName[];

/** A request that cannot be worked on; the client's fault. */
export class BadField extends Error {
  /** Path of the field, as in `texts[2].id`; empty where it is the whole body. */
  readonly field: string;

  constructor(field: string, message: string) {
    super(field === "" ? message : `${field}: ${message}`);
    this.field = field;
  }
}

/** What a field may hold, by its path with empty brackets; "" is the body. */
const expected: Readonly<Record<string, string>> = {
  "": "a JSON object with the fields of the operation",
  text: `a string of at most ${longestText} characters`,
  texts: `a list of 1 to ${mostItems} texts`,
  "texts[]": `a string, or an object with a string "text" and, if wanted, an "id"; of at most ${longestText} characters`,
  "texts[].text": `a string of at most ${longestText} characters`,
  "texts[].id": "a string or a number",
  id: "a string or a number",
  seed: `an integer from 0 to ${mostSeed}`,
  noiseVariance: noiseVariances.expected,
  variants: `an integer from 1 to ${mostVariants}`,
  beam: `an integer from 1 to ${mostBeam}`,
  unknown: "true or false",
  raw: "true or false",
  first: `a string of at most ${longestText} characters`,
  second: `a string of at most ${longestText} characters`,
  ratios: `a list of 1 to ${mostVariants} numbers`,
  "ratios[]": "a number from 0 to 1",
  spherical: "true or false",
  count: `an integer from 1 to ${mostItems}`,
  temperature: "a number of at least 0",
  topK: truncationRules.topK.expected,
  topP: truncationRules.topP.expected,
  minP: truncationRules.minP.expected,
  latents: `a list of 1 to ${mostItems} latents`,
  "latents[]": 'an object with "positions" and "values", as /encode gives them',
  "latents[].positions": "an integer of at least 1",
  "latents[].values": "a list of numbers",
  "latents[].values[]": "a number",
};

/** What stands at a path of the body. */
function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, part) => (value as Readonly<Record<PropertyKey, unknown>>)[part], body);
}

/** A value as an error shows it: whole where it is short. */
function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) {
    const keys = Object.keys(value).slice(0, 4);
    return keys.length === 0
      ? "an empty object"
      : `an object with ${keys.map((key) => JSON.stringify(key)).join(", ")}`;
  }
  // A number too large for a double is read as infinity, which JSON would write as null.
  if (typeof value === "number") return String(value);
  if (typeof value === "string" && value.length > 40) return `a string of ${value.length} characters`;
  return JSON.stringify(value);
}

/** A request as work: items of one operation with the same choices. */
export type Work = {
  [Name in OperationName]: {
    readonly operation: Name;
    readonly choices: Choices[Name];
    readonly items: readonly Items[Name][];
    /** Texts that each item makes or reads: what fills a batch and the queue. */
    readonly costOfItem: number;
  };
}[OperationName];

/** `["texts", 2, "id"]` as `texts[2].id`. */
function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index > 0 ? "." : ""}${String(part)}`))
    .join("");
}

/** Where a value is wrong: an object that stands for a text, in its own field. */
function placeOf(issue: z.core.$ZodIssue, body: unknown): PropertyKey[] {
  if (issue.code !== "invalid_union") return issue.path;
  const value = valueAt(body, issue.path);
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  const [inner] = (isObject ? issue.errors.at(-1) : undefined) ?? [];
  return inner ? [...issue.path, ...inner.path] : issue.path;
}

function checked<Name extends OperationName>(operation: Name, body: unknown): z.output<(typeof schemas)[Name]> {
  const result = schemas[operation].safeParse(body);
  if (result.success) return result.data as z.output<(typeof schemas)[Name]>;
  const [issue] = result.error.issues;
  const path = placeOf(issue, body);
  if (issue.code === "unrecognized_keys") {
    const [key] = issue.keys;
    const takes =
      issue.path.length > 0 ? "" : `; ${operation} takes ${Object.keys(schemas[operation].shape).join(", ")}`;
    throw new BadField(pathOf([...issue.path, key]), `unknown field${takes}`);
  }
  const place = path.map((part) => (typeof part === "number" ? 0 : part));
  const what = expected[pathOf(place).replaceAll("[0]", "[]")] ?? expected[""];
  throw new BadField(pathOf(path), `expected ${what}, got ${shown(valueAt(body, path))}`);
}

interface TextFields {
  readonly text?: string;
  readonly id?: string | number;
  readonly texts?: readonly (string | { readonly text: string; readonly id?: string | number })[];
}

function textItems({ text, id: own, texts }: TextFields): TextItem[] {
  if ((text === undefined) === (texts === undefined)) {
    throw new BadField(text === undefined ? "texts" : "text", 'expected either "text" or "texts"');
  }
  if (texts && own !== undefined) throw new BadField("id", 'goes with "text"; in "texts", {"text", "id"} names each');
  const entries = texts ?? [{ text: text ?? "", id: own }];
  return entries.map((entry, index) => {
    const item = typeof entry === "string" ? { text: entry } : entry;
    return { line: index + 1, ...item };
  });
}

/**
 * The work that a request's body asks of a model.
 *
 * @throws BadField for a body that is not an object of the operation's fields, or that does not fit the model.
 */
export function workOf(operation: OperationName, body: unknown, model: ModelFacts): Work {
  switch (operation) {
    case "score": {
      const fields = checked(operation, body);
      return { operation, choices: { seed: fields.seed }, items: textItems(fields), costOfItem: 1 };
    }
    case "encode":
    case "reconstruct":
      return { operation, choices: {}, items: textItems(checked(operation, body)), costOfItem: 1 };
    case "perturb": {
      const fields = checked(operation, body);
      const { text: _, texts: __, id: ___, ...choices } = fields;
      return { operation, choices, items: textItems(fields), costOfItem: choices.variants };
    }
    case "interpolate": {
      const { first, second, ...choices } = checked(operation, body);
      return { operation, choices, items: [{ first, second }], costOfItem: choices.ratios.length };
    }
    case "sample": {
      const { count, seed: start, ...choices } = checked(operation, body);
      const items = Array.from({ length: count }, (_, index) => ({ seed: start + index }));
      return { operation, choices, items, costOfItem: 1 };
    }
    case "decode": {
      const { latents, ...choices } = checked(operation, body);
      const items = latents.map((latent, index) => {
        try {
          return latentOf(latent, model);
        } catch (error) {
          const [, field, message] = /^(\w+): (.*)$/.exec(messageOf(error)) ?? [];
          throw new BadField(`latents[${index}].${field}`, message);
        }
      });
      return { operation, choices, items, costOfItem: 1 };
    }
  }
}
