import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { DataMissingError, UsageError } from "../../src/base/errors.ts";
import { loadModel, presetConfig } from "../../src/flow/index.ts";
import { readBertTable } from "../../src/text/bertTable.ts";
import { Vocabulary } from "../../src/text/vocabulary.ts";
import { parseWordPieceJson, wordPieceJson } from "../../src/text/wordPieceFile.ts";
import { type DType, tensor } from "../../src/torch/index.ts";
import { saveSafetensors } from "../../src/torch/safetensors.ts";
import { prepareModel, train } from "../../src/train/index.ts";
import { storedConfig } from "../../src/train/plus.ts";
import { describeWithSharedData, sharedPath } from "../support/sharedData.ts";
import { microConfig } from "../train/support.ts";

const root = mkdtempSync(join(tmpdir(), "riverrun-bert-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const pieces = [
  ...["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "river", "run", "##s", "##ning", "is", "cold", "deep", "."],
  ...["we", "walk", "##ed", "by", "it", "a", "##b", "boat", "!", "sea"],
];
/** Row i is i + 0.25 d: exact in float16. */
const rowOf = (id: number, dimensions: number): number[] => Array.from({ length: dimensions }, (_, d) => id + 0.25 * d);

let count = 0;
interface BertFolder {
  readonly dimensions: number;
  readonly rows: number;
  readonly dtype: DType;
  /** Name of the table's tensor. */
  readonly name: string;
  /** The hidden_size that config.json states. */
  readonly hidden: unknown;
}

/** A BERT folder as small as one can be. */
function bertFolder(options: Partial<BertFolder> = {}): string {
  const {
    dimensions = 8,
    rows = pieces.length,
    dtype = "float16",
    name = "embeddings.word_embeddings.weight",
  } = options;
  const { hidden = dimensions } = options;
  const folder = join(root, String(count++));
  mkdirSync(folder);
  writeFileSync(join(folder, "config.json"), JSON.stringify({ model_type: "bert", hidden_size: hidden }));
  writeFileSync(join(folder, "vocab.txt"), `${pieces.join("\n")}\n`);
  const values = Array.from({ length: rows }, (_, id) => rowOf(id, dimensions)).flat();
  const table = tensor(new Float32Array(values), [rows, dimensions], { dtype: "float32" }).to(dtype);
  const other = tensor(new Float32Array(4), [4], { dtype: "float32" });
  saveSafetensors(
    join(folder, "model.safetensors"),
    new Map([
      [name, table],
      ["pooler.dense.bias", other],
    ]),
  );
  table.dispose();
  other.dispose();
  return folder;
}

describe("readBertTable", () => {
  it.each(["float16", "float32"] as const)("reads %s rows, with those of our special words", (dtype) => {
    const { wordPiece, vectors } = readBertTable(bertFolder({ dtype, rows: pieces.length + 3 }));
    expect(wordPiece.pieces).toEqual(pieces);
    expect(vectors.dimensions).toBe(8);
    const row = (word: string): number[] => {
      const at = vectors.words.indexOf(word);
      return [...vectors.values.subarray(8 * at, 8 * at + 8)];
    };
    for (const [id, piece] of pieces.entries()) expect(row(piece)).toEqual(rowOf(id, 8));
    expect(["<pad>", "<unk>", "<sos>", "<eos>"].map((word) => row(word)[0])).toEqual([0, 1, 2, 3]);
  });

  it("takes the names of a model with a head", () => {
    const folder = bertFolder({ name: "bert.embeddings.word_embeddings.weight" });
    expect(readBertTable(folder).vectors.values[8]).toBe(1);
  });

  const without = (file: string): string => {
    const folder = bertFolder();
    rmSync(join(folder, file));
    return folder;
  };
  it.each([
    ["config.json missing", () => without("config.json"), DataMissingError, /config\.json does not exist/],
    ["vocab.txt missing", () => without("vocab.txt"), DataMissingError, /neither tokenizer\.json nor vocab\.txt/],
    ["weights missing", () => without("model.safetensors"), DataMissingError, /model\.safetensors does not exist/],
    ["no hidden_size", () => bertFolder({ hidden: "8" }), UsageError, /hidden_size/],
    ["another hidden_size", () => bertFolder({ hidden: 16 }), UsageError, /shape \[24, 8\].*need \[24, 16\]/],
    ["too few rows", () => bertFolder({ rows: 5 }), UsageError, /shape \[5, 8\]; 24 word pieces/],
    [
      "no table",
      () => bertFolder({ name: "wte.weight" }),
      UsageError,
      /no tensor "embeddings\.word_embeddings\.weight"/,
    ],
  ])("refuses %s", (_, folder, kind, message) => {
    const reading = (): unknown => readBertTable(folder());
    expect(reading).toThrow(kind);
    expect(reading).toThrow(message);
  });
});

describe("a flow on word pieces", () => {
  const texts = Array.from({ length: 24 }, (_, at) =>
    at % 2 === 0 ? "The river runs deep. We walked by it!" : "A boat is running; the river is cold.",
  );
  const config = microConfig();

  it("has the folder's tokens and its rows as codebook, up to the factor", async () => {
    const { model } = await prepareModel({ config, texts, vectors: bertFolder() });
    expect(model.config.data).toMatchObject({ tokenizer: "wordpiece", dimensions: 8 });
    const { tokens } = model.prepare("The RIVER runs");
    expect(tokens).toEqual(["the", "river", "run", "##s"]);
    const state = model.stateDict();
    const factor = state.get("codebookFactor")?.toNumbers()[0] ?? 0;
    const codebook = state.get("codebook")?.toNumbers() ?? [];
    const id = model.vocabulary.id("river");
    const row = codebook.slice(8 * id, 8 * id + 8).map((value) => value / factor);
    const expected = rowOf(pieces.indexOf("river"), 8);
    for (const [d, value] of row.entries()) expect(value).toBeCloseTo(expected[d], 4);
    model.dispose();
  });

  it("does not know what its tokenizer calls unknown, though the training texts hold it", async () => {
    const { model } = await prepareModel({ config, texts: [...texts, "the zebra is cold ."], vectors: bertFolder() });
    expect(model.vocabulary.has("[UNK]")).toBe(false);
    // The semicolon of every other text, and the zebra.
    expect(model.vocabulary.counts[Vocabulary.unk]).toBe(12 + 1);
    const prepared = model.prepare("the zebra is deep");
    expect(prepared.tokens).toEqual(["the", "[UNK]", "is", "deep"]);
    expect(prepared).toMatchObject({ unknown: 1, known: 3 });
    model.dispose();
  });

  it("is whole in its folder: the vectors' folder is not needed to score or to resume", async () => {
    const vectors = bertFolder();
    const out = join(root, "run");
    const options = { config, texts, validation: texts.slice(0, 4), out };
    const first = await train({ ...options, vectors });
    const prepared = first.model.prepare(texts[0]);
    first.model.dispose();
    rmSync(vectors, { recursive: true });
    const loaded = loadModel(out);
    expect(loaded.prepare(texts[0])).toEqual(prepared);
    expect(loaded.tokenizer.detokenize(prepared.tokens)).toBe("the river runs deep. we walked by it!");
    loaded.dispose();
    const longer = { ...config, train: { ...config.train, maxSteps: config.train.maxSteps + 2 } };
    const again = await train({ ...options, config: longer, resume: true });
    expect(again.step).toBe(longer.train.maxSteps);
    again.model.dispose();

    // Of a Language Flow+ also while only its flow is trained.
    const { attentionDecoder } = presetConfig("tiny-plus");
    if (!attentionDecoder) throw new Error("tiny-plus has no decoder");
    const flowTrain = { ...config.train, maxSteps: 2 };
    const plus = { ...config, attentionDecoder: { ...attentionDecoder, width: 8, flowTrain } };
    const [vectorsOfPlus, folder] = [bertFolder(), join(root, "plus")];
    let steps = 0;
    const stopped = await train({
      ...{ ...options, config: plus, out: folder, vectors: vectorsOfPlus },
      onEveryStep: () => steps++,
      interrupted: () => (steps > 0 ? "SIGTERM" : undefined),
    });
    expect(stopped).toMatchObject({ step: 1, finished: false });
    stopped.model.dispose();
    rmSync(vectorsOfPlus, { recursive: true });
    const wanted = storedConfig(folder);
    if (!wanted) throw new Error("the folder does not say what it is to be");
    const goneOn = await train({ ...options, config: wanted, out: folder, resume: true });
    expect(goneOn).toMatchObject({ step: config.train.maxSteps, finished: true });
    expect(goneOn.model.config.data.tokenizer).toBe("wordpiece");
    goneOn.model.dispose();

    const damaged = join(root, "damaged");
    cpSync(out, damaged, { recursive: true });
    const file = join(damaged, "wordpieces.json");
    writeFileSync(file, readFileSync(file, "utf8").replace('"pieces"', '"piece"'));
    expect(() => loadModel(damaged)).toThrow(/wordpieces\.json: expected the word pieces/);
    rmSync(file);
    expect(() => loadModel(damaged)).toThrow(DataMissingError);
  });

  it("says what is missing where a configuration names word pieces and no folder is given", async () => {
    const named = { ...config, data: { ...config.data, tokenizer: "wordpiece" } };
    await expect(prepareModel({ config: named, texts })).rejects.toThrow(/--vectors DIR/);
  });

  it("names the folder where its channels do not fit the flow", async () => {
    const vectors = bertFolder({ dimensions: 7 });
    await expect(prepareModel({ config, texts, vectors })).rejects.toThrow(/7 channels.*must be even/);
  });
});

describe("the file of a model's word pieces", () => {
  it("gives them back", () => {
    const { wordPiece } = readBertTable(bertFolder());
    const again = parseWordPieceJson(wordPieceJson(wordPiece), "wordpieces.json");
    expect(again.pieces).toEqual(wordPiece.pieces);
    expect(again.options).toEqual(wordPiece.options);
  });

  it.each([
    ["{", /expected JSON/],
    ['{"version":2}', /version/],
    ["[]", /\(top level\)/],
  ])("refuses %s", (text, message) => {
    expect(() => parseWordPieceJson(text, "m/wordpieces.json")).toThrow(UsageError);
    expect(() => parseWordPieceJson(text, "m/wordpieces.json")).toThrow(message);
  });
});

describeWithSharedData("MiniLM's word pieces", () => {
  it("are 30,522 rows of 384 channels", () => {
    const { wordPiece, vectors } = readBertTable(sharedPath("minilm"));
    expect(wordPiece.pieces.length).toBe(30_522);
    expect(vectors.dimensions).toBe(384);
    expect(vectors.values.length).toBe((30_522 + 4) * 384);
    expect(wordPiece.id("[CLS]")).toBe(101);
  });
});
