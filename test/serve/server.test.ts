/** A server with a real model in its process: what it answers, alone and in company, and how it refuses. */
import type { ChildProcess, Serializable } from "node:child_process";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModel, saveModel, type TextFlow } from "../../src/flow/index.ts";
import {
  encodeTexts,
  interpolateTexts,
  perturbTexts,
  reconstructTexts,
  sampleTexts,
  scoreTexts,
} from "../../src/generate/index.ts";
import { startEngineProcess } from "../../src/serve/engine.ts";
import type { ModelServer } from "../../src/serve/index.ts";
import { noGrad } from "../../src/torch/index.ts";
import { type Answer, ask, modelFolder, post, sentences, serving, start } from "./support.ts";

const folder = modelFolder("tiny");
/** The paper's autoregressive flow, decoded by beam search; small. */
const byWord = modelFolder("paper-ar", "float32", (config) => ({
  ...config,
  data: { ...config.data, dimensions: 8, positions: 12 },
  flow: { ...config.flow, steps: 2, hidden: 8, heads: 2 },
}));
const exact = modelFolder("tiny", "float64");
let model: TextFlow;
/** A server with the defaults, for all tests that leave it as it was. */
let shared: ModelServer;
beforeAll(async () => {
  model = loadModel(folder);
  shared = await start(folder, { batchWait: 10 });
});
afterAll(() => shared.stop());

/** Float32 products of another batch size differ in their last bits. */
const relative = 1e-5;

/** The same records: texts and counts equal, other numbers within the tolerance. */
function expectAlike(got: unknown, expected: unknown, tolerance = relative): void {
  if (typeof expected === "number" && !Number.isInteger(expected)) {
    expect(Math.abs(Number(got) - expected)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(expected)));
  } else if (typeof expected === "object" && expected !== null) {
    expect(Object.keys(got as object)).toEqual(Object.keys(expected));
    for (const [key, value] of Object.entries(expected)) {
      // A largest rounding error is itself nothing but last bits.
      if (key !== "maxAbsError") expectAlike((got as Record<string, unknown>)[key], value, tolerance);
    }
  } else expect(got).toBe(expected);
}

/** Waits for something that the server says of itself. */
async function until(url: string, holds: (health: Answer) => boolean): Promise<Answer> {
  for (let k = 0; k < 500; k++) {
    const health = await ask(url, "GET", "/health");
    if (holds(health)) return health;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("the server never said so");
}

describe("the routes", () => {
  it("give the commands' records", async () => {
    const { url } = shared.address;
    const [first, second] = sentences;
    const [a, b] = [model.prepare(first), model.prepare(second)];
    const records = async (path: string, body: object): Promise<unknown> => {
      const { status, json } = await post(url, path, body);
      expect(status).toBe(200);
      return json.records;
    };
    const scores = scoreTexts(model, [a, b], { seed: 4 });
    expectAlike(await records("/score", { texts: [first, { text: second, id: "b" }], seed: 4 }), [
      { text: first, ...scores[0], truncated: false },
      { id: "b", text: second, ...scores[1], truncated: false },
    ]);
    expectAlike(
      await records("/perturb", { text: first, variants: 2, noiseVariance: 0.8, seed: 3 }),
      perturbTexts(model, [a], { variants: 2, noiseVariance: 0.8, seed: 3 }).map(({ source, variant, text }) => ({
        source,
        variant,
        text,
      })),
    );
    expectAlike(await records("/reconstruct", { text: first }), reconstructTexts(model, [a]));
    expectAlike(
      await records("/interpolate", { first, second, ratios: [1, 0.5], spherical: true, raw: true }),
      interpolateTexts(model, a, b, { ratios: [1, 0.5], spherical: true }).map(({ ratio, tokens }) => ({
        ratio,
        text: tokens.join(" "),
      })),
    );
    expectAlike(
      await records("/sample", { count: 3, seed: 8, temperature: 0.7 }),
      sampleTexts(model, { count: 3, seed: 8, temperature: 0.7 }).map(({ text, seed }) => ({ text, seed })),
    );
    const latents = (await records("/encode", { texts: [first, second] })) as { positions: number; values: number[] }[];
    expectAlike(
      latents,
      encodeTexts(model, [a, b]).map(({ positions, values }, index) => ({
        text: sentences[index],
        positions,
        values: [...values],
      })),
    );
    const back = latents.map(({ positions, values }) => ({ positions, values }));
    expect(await records("/decode", { latents: back })).toEqual(
      reconstructTexts(model, [a, b]).map(({ reconstruction }) => ({ text: reconstruction })),
    );
  });

  it("say of a text that cannot be used what is wrong, and go on; cut texts are marked", async () => {
    const { url } = shared.address;
    const long = "pie ".repeat(40).trim();
    const { json } = await post(url, "/score", { texts: [{ text: " ", id: 5 }, long, "a pie"] });
    expect(json.records).toMatchObject([
      { id: 5, line: 1, error: expect.stringContaining("empty") },
      { text: long, tokens: 16, truncated: true },
      { text: "a pie", tokens: 3, truncated: false },
    ]);
    const strange = await post(url, "/score", { texts: ["a zeppelin", "zebra ".repeat(40)] });
    expect(strange.json.records).toMatchObject([
      { tokens: 3, unknown: 1 },
      { tokens: 16, unknown: 16 },
    ]);
    const body = { first: "a zeppelin", second: "a grey zebra" };
    const between = await post(url, "/interpolate", { ...body, ratios: [0.5] });
    expect(between.json.records).toEqual([{ ratio: 0.5, text: expect.any(String), unknown: 3 }]);
    for (const [path, keys] of [
      ["/perturb", ["source", "variant", "text"]],
      ["/encode", ["text", "positions", "values"]],
    ] as const) {
      const { json: marked } = await post(url, path, { texts: ["a zeppelin", sentences[0]] });
      expect(marked.records?.map((record) => Object.keys(record))).toEqual([[...keys, "unknown"], keys]);
      expect(marked.records?.[0].unknown).toBe(1);
    }
    const cut = await post(url, "/perturb", { text: long });
    expect(cut.json.records?.[0]).toMatchObject({ source: long, truncated: true });
  });
});

describe("a model whose inverse grows far", () => {
  it("refuses noise that no words come out of, whichever text it met, and takes less", async () => {
    const fragile = modelFolder("tiny");
    const flow = loadModel(fragile);
    const [, scale] = [...flow.flow.namedParameters()].find(([name]) => name === "0.logScale") ?? [];
    if (!scale) throw new Error("the flow begins with no ActNorm");
    noGrad(() => scale.add_(-84));
    saveModel(flow, fragile);
    flow.dispose();
    const { url } = (await serving(fragile)).address;
    const ask = (noiseVariance: number): Promise<Answer> =>
      post(url, "/perturb", { texts: sentences.slice(0, 3), noiseVariance });
    const far = await ask(1e4);
    expect(far.json.error).toMatch(/^noise-variance: 10000 is far too large: /);
    expect([far.status, far.json.field]).toEqual([422, "noiseVariance"]);
    const usual = await ask(0.5);
    expect([usual.status, usual.json.records?.length]).toEqual([200, 3]);
    expect(usual.json.records).not.toContainEqual(expect.objectContaining({ error: expect.anything() }));
  });
});

describe("a damaged model", () => {
  it("gives errors where JSON has no number, and goes on", async () => {
    const damaged = modelFolder("tiny");
    const broken = loadModel(damaged);
    noGrad(() => {
      // Finite, so that it can be loaded; their products are not.
      for (const parameter of broken.flow.parameters()) parameter.fill_(1e30);
    });
    saveModel(broken, damaged);
    broken.dispose();
    const { url } = (await serving(damaged)).address;
    for (const path of ["/encode", "/score", "/reconstruct", "/perturb"]) {
      const { status, text, json } = await post(url, path, { texts: [{ text: "a pie", id: 7 }, "a warm pie"] });
      expect([path, status, text.includes("null")]).toEqual([path, 200, false]);
      expect(json.records).toEqual([
        {
          id: 7,
          line: 1,
          error: expect.stringMatching(/^(\w+: )?the model computes (NaN|-?Infinity).*: its weights may be damaged/),
        },
        { line: 2, error: expect.stringContaining("the model computes") },
      ]);
    }
    for (const [path, body] of [
      ["/sample", { count: 2 }],
      ["/sample", { count: 2, temperature: 0.5 }],
      ["/interpolate", { first: "a pie", second: "a warm pie" }],
    ] as const) {
      const { status, text } = await post(url, path, body);
      expect([path, status]).toEqual([path, 500]);
      expect(text).toContain("the model computes NaN or infinity where words are chosen");
      expect(text).not.toContain(damaged);
    }
    const latents = await post(url, "/decode", {
      latents: [{ positions: 2, values: new Array<number>(32).fill(0.1) }],
    });
    expect(latents).toMatchObject({
      status: 500,
      json: { error: expect.stringContaining("its weights may be damaged") },
    });
  });
});

describe("a request in company", () => {
  const requests = (count: number): { readonly path: string; readonly body: object }[] =>
    Array.from({ length: count }, (_, index) => {
      const [first, second] = [sentences[index % 100], sentences[(7 * index + 3) % 100]];
      const kinds = [
        { path: "/score", body: { text: first, seed: 1 + (index % 2) } },
        { path: "/score", body: { texts: [first, second, ""], seed: 1 } },
        { path: "/sample", body: { count: 2, seed: index } },
        { path: "/perturb", body: { text: first, variants: 3, noiseVariance: 0.5, seed: 2 } },
        { path: "/interpolate", body: { first, second } },
        { path: "/encode", body: { text: second } },
        { path: "/reconstruct", body: { text: first } },
      ];
      return kinds[index % kinds.length];
    });

  async function expectTheSameAlone(url: string, tolerance: number): Promise<void> {
    const asked = requests(35);
    const together = await Promise.all(asked.map(({ path, body }) => post(url, path, body)));
    const { text } = await ask(url, "GET", "/metrics");
    const counted = (name: string): number => Number(new RegExp(`^riverrun_${name} (\\S+)$`, "m").exec(text)?.[1]);
    // Or it would prove nothing: batches held several requests.
    expect(counted("texts_total") / counted("batches_total")).toBeGreaterThan(4);
    for (const [index, { path, body }] of asked.entries()) {
      const alone = await post(url, path, body);
      expect(alone.status).toBe(200);
      expectAlike(together[index].json, alone.json, tolerance);
    }
  }

  it("gets what it gets alone, but for the last bits of float32", () =>
    expectTheSameAlone(shared.address.url, relative));

  it("gets what it gets alone in float64", async () =>
    expectTheSameAlone((await serving(exact, { batchWait: 10 })).address.url, 1e-12));

  it("gets what it gets alone where words are searched one by one", async () => {
    const { url } = (await serving(byWord, { batchWait: 10 })).address;
    await expectTheSameAlone(url, relative);
    const ar = loadModel(byWord);
    const { json } = await post(url, "/perturb", { text: sentences[3], beam: 2, noiseVariance: 0.1 });
    const options = { variants: 1, noiseVariance: 0.1, seed: 1, beam: 2 };
    const [{ text }] = perturbTexts(ar, [ar.prepare(sentences[3])], options);
    expect(json.records?.[0]).toMatchObject({ source: sentences[3], variant: 0, text });
    ar.dispose();
  });
});

describe("wrong requests", () => {
  it("are told apart", async () => {
    const { url } = shared.address;
    const json = { "content-type": "application/json" };
    const ask4 = (method: string, path: string, body?: string | Buffer, headers: Record<string, string> = json) =>
      ask(url, method, path, body, headers);
    const cases: readonly [Promise<Answer>, number, RegExp][] = [
      [ask4("GET", "/nothing"), 404, /POST \/score/],
      [ask4("POST", "/score/", "{}"), 404, /no such route/],
      [ask4("GET", "/score"), 405, /POST/],
      [ask4("DELETE", "/health"), 405, /GET/],
      [ask4("POST", "/score", "{}", { "content-type": "text/plain" }), 415, /application\/json/],
      [ask4("POST", "/score", "{}", {}), 415, /none/],
      [ask4("POST", "/score", "{}", { ...json, "content-encoding": "gzip" }), 415, /gzip/],
      [ask4("POST", "/score", '{"text":'), 400, /not JSON/],
      [ask4("POST", "/score", ""), 400, /not JSON/],
      [ask4("POST", "/score", Buffer.from([0x22, 0xff, 0x22])), 400, /UTF-8/],
      [ask4("POST", "/score", "[]"), 422, /^expected a JSON object with the fields of the operation, got a list of 0$/],
      [ask4("POST", "/score", '{"text":"a","sed":1}'), 422, /sed: unknown field/],
      [ask4("POST", "/interpolate", '{"first":"a","second":""}'), 422, /second: the text is empty/],
      [ask4("POST", "/sample", '{"beam":2}'), 422, /beam/],
      [ask4("POST", "/score", `{"text":"${"a".repeat(2 ** 20)}"}`), 413, /1048576 bytes/],
      [
        ask4("POST", "/score", `{"text":"${"a".repeat(2 ** 20)}"}`, { ...json, "transfer-encoding": "chunked" }),
        413,
        /1048576/,
      ],
      [
        ask4("POST", "/score", `{"text":"${"a".repeat(2 ** 20)}"}`, { ...json, expect: "100-continue" }),
        413,
        /1048576/,
      ],
      [ask4("POST", "/perturb", JSON.stringify({ texts: sentences, variants: 64 })), 413, /6400 texts.*2048/],
      [ask4("POST", "/score", "{}", { ...json, host: "example.org" }), 403, /--allow-host/],
    ];
    for (const [asked, status, message] of cases) {
      const answer = await asked;
      expect(answer.json.error).toMatch(message);
      expect(answer.status).toBe(status);
    }
    expect((await ask4("GET", "/score")).headers.allow).toBe("POST");
    expect((await ask4("POST", "/score", '{"text":"a","seed":-1}')).json.field).toBe("seed");
    const filled = (value: number): object => ({ positions: 2, values: new Array<number>(32).fill(value) });
    const far = await post(url, "/decode", { latents: [filled(0), filled(3e38)] });
    expect(far.json.error).toMatch(/^latents\[1\]\.values: far too large, up to 3\.00e\+38: /);
    expect([far.status, far.json.field]).toEqual([422, "latents[1].values"]);
    const hot = await post(url, "/sample", { temperature: 1e38, count: 2 });
    expect(hot.json.error).toMatch(/^temperature: 1e\+38 is far too large/);
    expect([hot.status, hot.json.field]).toEqual([422, "temperature"]);
    const rare = await post(url, "/sample", { topP: 0.5 });
    expect(rare.json.error).toMatch(/^top-p 0\.5: .* does not draw words one by one/);
    expect([rare.status, rare.json.field]).toEqual([422, "topP"]);
    expect((await post(url, "/score", { text: "a" })).status).toBe(200);
  });

  it("that are no HTTP get an answer too", async () => {
    const { port } = shared.address;
    const speak = (text: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect(port, "127.0.0.1", () => socket.write(text));
        let heard = "";
        socket.on("data", (chunk: Buffer) => {
          heard += chunk.toString();
        });
        socket.once("error", reject);
        socket.once("close", () => resolve(heard));
      });
    expect(await speak("nonsense\r\n\r\n")).toMatch(/^HTTP\/1.1 400 .*cannot be read/s);
    expect(await speak(`GET /health HTTP/1.1\r\nhost: localhost\r\nx: ${"a".repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 431 /,
    );
    expect(
      await speak(
        "POST /score HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n",
      ),
    ).toMatch(/^HTTP\/1.1 411 /);
  });
});

/** The first group stays in the queue: its wait for company does not end within a test. */
const waiting = { batchWait: 100_000, maxBatch: 1000 };

/** A client that asks for scores and waits for as long as it is let. */
function hold(port: number, body: string): Socket {
  const head = `POST /score HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  const socket = connect(port, "127.0.0.1", () => socket.write(head + body));
  return socket;
}

describe("under pressure", () => {
  it("turns away what the queue cannot hold, with the time to come again", async () => {
    const { url, port } = (await serving(folder, { ...waiting, maxQueue: 5 })).address;
    const held = hold(port, '{"texts":["a","b","c","d"]}');
    await until(url, ({ json }) => json.queue?.queued === 4);
    const turnedAway = await post(url, "/score", { texts: ["e", "f"] });
    expect(turnedAway.status).toBe(503);
    expect(Number(turnedAway.headers["retry-after"])).toBeGreaterThanOrEqual(1);
    expect(turnedAway.json.error).toContain("4 texts are waiting");
    held.destroy();
  });

  it("gives up what is not done in time", async () => {
    const { url } = (await serving(folder, { ...waiting, timeout: 1 })).address;
    const late = await post(url, "/score", { text: "a" });
    expect(late.status).toBe(503);
    expect(late.json.error).toContain("within 1 s");
    expect((await ask(url, "GET", "/health")).json.queue?.queued).toBe(0);
  });

  it("drops the work of clients that have gone", async () => {
    const server = await serving(folder, waiting);
    const { url, port } = server.address;
    const socket = hold(port, '{"texts":["a","b","c"]}');
    await until(url, ({ json }) => json.queue?.queued === 3);
    socket.destroy();
    await until(url, ({ json }) => json.queue?.queued === 0);
    expect((await ask(url, "GET", "/metrics")).text).toContain("riverrun_dropped_total 1\n");
  });

  it("counts a body until its request is answered", async () => {
    // A queue that waits: 16 requests of almost a whole body each are parsed and held, the next does not fit.
    const { url, port } = (await serving(folder, { ...waiting, maxBody: 4096 })).address;
    const large = `{"text":"${"a ".repeat(2000)}"}`;
    const queued = (count: number): Promise<Answer> => until(url, ({ json }) => json.queue?.queued === count);
    const held = Array.from({ length: 16 }, () => hold(port, large));
    await queued(16);
    const refused = await ask(url, "POST", "/score", large);
    expect([refused.status, refused.json.error]).toEqual([503, expect.stringContaining("other requests")]);
    for (const socket of held) socket.destroy();
    await queued(0);
    const again = hold(port, large);
    await queued(1);
    again.destroy();
  });

  it("bounds what bodies hold together", async () => {
    const { url, port } = shared.address;
    const part = `POST /score HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${2 ** 20}\r\n\r\n${" ".repeat(2 ** 20 - 10)}`;
    const slow = Array.from({ length: 16 }, () => {
      const socket = connect(port, "127.0.0.1", () => socket.write(part));
      return socket;
    });
    // 16 bodies short of 10 bytes each are soon held of 16 whole ones that may be.
    const ask400 = (): Promise<Answer> => ask(url, "POST", "/score", `{"text":"${"a".repeat(400)}"}`);
    // A request that is worked on while the last of them arrives would have that refused in its place.
    const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 500));
    await pause();
    let refused = await ask400();
    for (let k = 0; k < 20 && refused.status === 200; k++) {
      await pause();
      refused = await ask400();
    }
    expect(refused.status).toBe(503);
    expect(refused.json.error).toContain("other requests");
    for (const socket of slow) socket.destroy();
    await until(url, ({ json }) => json.queue?.openRequests === 1);
    expect((await post(url, "/score", { text: "a" })).status).toBe(200);
  });
});

describe("an engine that dies", () => {
  it("turns its requests away by 503, and comes back", async () => {
    const children: ChildProcess[] = [];
    const said: string[] = [];
    const startEngine = (): ChildProcess => {
      const child = startEngineProcess();
      const send = child.send.bind(child);
      // The first engine has a fault at its first task, as libtorch may.
      if (children.length === 0) {
        child.send = (message: Serializable): boolean => {
          const sent = send(message);
          if (typeof message === "object" && "task" in message) child.kill("SIGSEGV");
          return sent;
        };
      }
      children.push(child);
      return child;
    };
    const { url } = (await serving(folder, { startEngine, say: (line) => said.push(line) })).address;
    const lost = await post(url, "/score", { text: "a pie" });
    expect(lost.status).toBe(503);
    expect(lost.headers["retry-after"]).toBe("1");
    expect(lost.json.error).toMatch(/^the engine died \(its process ended by SIGSEGV .*: come again$/);
    const down = await ask(url, "GET", "/health");
    expect(down.status).toBe(503);
    expect(down.json).toMatchObject({ status: "restarting", engine: { state: "restarting", restarts: 1 } });
    // What comes meanwhile waits.
    expect((await post(url, "/score", { text: "a pie" })).status).toBe(200);
    const up = await ask(url, "GET", "/health");
    expect(up.json).toMatchObject({ status: "ok", engine: { state: "ready", restarts: 1, pid: children[1].pid } });
    expect(up.json.engine?.lastError).toContain("SIGSEGV");
    expect(said.join("\n")).toMatch(/the engine died.*\n.*the engine is back/);
    expect(children).toHaveLength(2);
  });

  it("is not ended by the signals that stop a server, and ends with it", async () => {
    const children: ChildProcess[] = [];
    const startEngine = (): ChildProcess => {
      children.push(startEngineProcess());
      return children[children.length - 1];
    };
    const server = await start(folder, { startEngine });
    for (const signal of ["SIGINT", "SIGTERM"] as const) children[0].kill(signal);
    expect((await post(server.address.url, "/score", { text: "a pie" })).status).toBe(200);
    await server.stop();
    expect(children.map(({ signalCode }) => signalCode)).toEqual(["SIGKILL"]);
  });

  it("is tried again where its process cannot be started", async () => {
    let starts = 0;
    const said: string[] = [];
    const children: ChildProcess[] = [];
    const startEngine = (): ChildProcess => {
      // What fork() throws on a machine that has no memory left.
      if (++starts === 2) throw Object.assign(new Error("spawn ENOMEM"), { code: "ENOMEM" });
      children.push(startEngineProcess());
      return children[children.length - 1];
    };
    const { url } = (await serving(folder, { startEngine, say: (line) => said.push(line) })).address;
    children[0].kill("SIGKILL");
    await until(url, ({ json }) => json.engine?.lastError?.includes("could not be started: spawn ENOMEM") ?? false);
    expect((await post(url, "/score", { text: "a pie" })).status).toBe(200);
    expect((await ask(url, "GET", "/health")).json.engine).toMatchObject({ state: "ready", restarts: 2 });
    expect(said).toHaveLength(3);
    await expect(
      start(folder, {
        startEngine: () => {
          throw new Error("spawn ENOMEM");
        },
      }),
    ).rejects.toThrow("the engine could not start: its process could not be started: spawn ENOMEM");
  });

  it("does not start where the model cannot be read", async () => {
    await expect(start("/nowhere")).rejects.toMatchObject({ name: "DataMissingError", exitCode: 3 });
  });
});

describe("stopping", () => {
  it("finishes what has been asked for", async () => {
    const server = await start(folder, { batchWait: 2000, maxBatch: 1000 });
    const { url } = server.address;
    const held = post(url, "/score", { text: "a pie" });
    await until(url, ({ json }) => json.queue?.queued === 1);
    const stopped = server.stop();
    await expect(post(url, "/score", { text: "b" })).rejects.toThrow(/ECONNREFUSED/);
    const answer = await held;
    expect(answer.status).toBe(200);
    expect(answer.headers.connection).toBe("close");
    await stopped;
    // The request held, and the looks at /health.
    expect(server.answers).toBeGreaterThanOrEqual(2);
  });

  it("refuses a port that is taken", async () => {
    const { port } = shared.address;
    await expect(start(folder, { port })).rejects.toMatchObject({
      name: "UsageError",
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
  });
});

it("the health of a server names its model and its limits", async () => {
  const { url } = shared.address;
  const { status, json } = await ask(url, "GET", "/health");
  expect(status).toBe(200);
  expect(json).toMatchObject({
    status: "ok",
    model: folder,
    preset: "tiny",
    version: "0",
    positions: 16,
    queue: { queued: 0, running: 0, most: 2048 },
    engine: { state: "ready", restarts: 0 },
  });
  expect(json.memory?.rssMb).toBeGreaterThan(50);
  expect((await ask(url, "HEAD", "/health")).text).toBe("");
});
