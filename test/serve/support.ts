/** Models that need no training, servers that end with the test, and requests. */
import { type IncomingHttpHeaders, request } from "node:http";
import { afterEach } from "vitest";
import { builtinCorpus } from "../../src/corpora/index.ts";
import { type Config, presetConfig, saveModel, TextFlow } from "../../src/flow/index.ts";
import { ModelServer, type ServeOptions } from "../../src/serve/index.ts";
import { tokenizerByName } from "../../src/text/tokenizer-names.ts";
import { Vocabulary } from "../../src/text/vocabulary.ts";
import { type DType, Generator, noGrad, randn, scope, setThreads } from "../../src/torch/index.ts";
import { scratch } from "../folders.ts";

setThreads(1);

export const sentences = builtinCorpus({ sentences: 120 }).sentences.slice(0, 100);

/** Writes a model with random weights into a new folder. */
export function modelFolder(
  preset: string,
  dtype: DType = "float32",
  change: (config: Config) => Config = (config) => config,
): string {
  const folder = scratch();
  const base = change(presetConfig(preset));
  const tokenizer = tokenizerByName(base.data.tokenizer);
  const vocabulary = Vocabulary.build(sentences.map((text) => tokenizer.tokenize(text)));
  const table = Float32Array.from({ length: vocabulary.size * base.data.dimensions }, (_, index) =>
    Math.sin(index * index + 1),
  );
  const model = TextFlow.build({ config: base, vocabulary, table, positionCounts: [8, 10, 12], dtype });
  const generator = new Generator(3);
  noGrad(() =>
    scope(() => {
      for (const parameter of model.parameters()) parameter.add_(randn(parameter.shape, generator).mul(0.02).to(dtype));
    }),
  );
  generator.dispose();
  saveModel(model, folder);
  model.dispose();
  return folder;
}

const servers: ModelServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

/** A server on a free port that is stopped after the test. */
export async function serving(model: string, options: Partial<ServeOptions> = {}): Promise<ModelServer> {
  const server = await start(model, options);
  servers.push(server);
  return server;
}

/** The same, stopped by whoever asked for it. */
export function start(model: string, options: Partial<ServeOptions> = {}): Promise<ModelServer> {
  return ModelServer.start({
    ...{ model, device: "cpu", threads: 1, host: "127.0.0.1", port: 0, version: "0" },
    ...{ timeout: 60, maxBatch: 64, batchWait: 2, maxQueue: 2048, maxBody: 1 << 20 },
    ...options,
  });
}

/** Fields of answers that tests look at. */
interface Json {
  readonly records?: readonly Readonly<Record<string, unknown>>[];
  readonly error?: string;
  readonly field?: string;
  readonly queue?: { readonly queued: number; readonly openRequests: number };
  readonly engine?: { readonly lastError?: string };
  readonly memory?: { readonly rssMb: number };
}

/** An answer of the server. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Its body, where that is JSON: records, or the pages' and errors' fields that tests look at. */
  readonly json: Json;
}

/** One request on a connection of its own. */
export function ask(
  url: string,
  method: string,
  path: string,
  body?: string | Buffer,
  headers: Record<string, string> = { "content-type": "application/json" },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${path}`, { method, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.once("error", reject);
      response.once("end", () => {
        let json: Json = {};
        try {
          json = JSON.parse(text) as Json;
        } catch {
          // Not every page is JSON.
        }
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
      });
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

export const post = (url: string, path: string, body: unknown): Promise<Answer> =>
  ask(url, "POST", path, JSON.stringify(body));
