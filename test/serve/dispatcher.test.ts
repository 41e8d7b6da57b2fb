import { describe, expect, it } from "vitest";
import { Dispatcher, type DispatchLimits, type GroupRunner } from "../../src/serve/dispatcher.ts";
import { EngineCrash } from "../../src/serve/engine.ts";
import type { Group, ItemResult } from "../../src/serve/protocol.ts";
import type { Work } from "../../src/serve/requests.ts";

/** An engine that works when it is told to. */
class HandEngine implements GroupRunner {
  onIdle: () => void = () => undefined;
  readonly groups: Group[] = [];
  #end: { readonly done: () => void; readonly die: () => void } | undefined;

  get idle(): boolean {
    return this.#end === undefined;
  }

  run(group: Group): Promise<readonly ItemResult[]> {
    this.groups.push(group);
    return new Promise((resolve, reject) => {
      const next = (settle: () => void) => () => {
        this.#end = undefined;
        settle();
        this.onIdle();
      };
      this.#end = {
        done: next(() => resolve(group.items.map((item) => ({ records: [JSON.stringify(item)] })))),
        die: next(() => reject(new EngineCrash("it died", 1))),
      };
    });
  }

  finish(): void {
    this.#end?.done();
  }

  crash(): void {
    this.#end?.die();
  }
}

const score = (seed: number, ...texts: string[]): Work => ({
  operation: "score",
  choices: { seed },
  items: texts.map((text, index) => ({ line: index + 1, text })),
  costOfItem: 1,
});

const perturb = (variants: number, text: string): Work => ({
  operation: "perturb",
  choices: { noiseVariance: 0.5, variants, seed: 1, raw: false },
  items: [{ line: 1, text }],
  costOfItem: variants,
});

function setUp(limits: Partial<DispatchLimits> = {}): { engine: HandEngine; dispatcher: Dispatcher } {
  const engine = new HandEngine();
  return { engine, dispatcher: new Dispatcher(engine, { maxBatch: 4, maxQueue: 12, batchWait: 0, ...limits }) };
}

const textsOf = (group: Group): string[] => group.items.map((item) => ("text" in item ? item.text : ""));

describe("the queue", () => {
  it("joins what is of one kind, up to a batch, the oldest first", async () => {
    const { engine, dispatcher } = setUp();
    const first = dispatcher.submit(score(1, "a"));
    const rest = [score(1, "b", "c"), score(2, "d"), score(1, "e", "f"), perturb(3, "g"), perturb(3, "h")];
    const tickets = rest.map((work) => dispatcher.submit(work));
    expect(dispatcher.load).toEqual({ queued: 11, running: 1 });
    for (let k = 0; k < 6; k++) {
      engine.finish();
      await Promise.resolve();
    }
    expect(engine.groups.map(textsOf)).toEqual([["a"], ["b", "c", "e", "f"], ["d"], ["g"], ["h"]]);
    expect(await first?.done).toEqual([{ records: ['{"line":1,"text":"a"}'] }]);
    expect(await tickets[2]?.done).toEqual([
      { records: ['{"line":1,"text":"e"}'] },
      { records: ['{"line":2,"text":"f"}'] },
    ]);
    expect(dispatcher.load).toEqual({ queued: 0, running: 0 });
    expect(dispatcher.counts).toMatchObject({ batches: 5, texts: 12, dropped: 0 });
  });

  it("lets an idle engine wait for company, but not for more than a batch", async () => {
    const { engine, dispatcher } = setUp({ batchWait: 30 });
    const ticket = dispatcher.submit(score(1, "a"));
    dispatcher.submit(score(1, "b"));
    expect(engine.groups).toEqual([]);
    while (engine.groups.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(engine.groups.map(textsOf)).toEqual([["a", "b"]]);
    engine.finish();
    await ticket?.done;
    dispatcher.submit(score(1, "c", "d", "e", "f", "g"));
    expect(engine.groups.map(textsOf).at(-1)).toEqual(["c", "d", "e", "f"]);
  });

  it("turns away what does not fit, and says when to come again", () => {
    const { dispatcher } = setUp();
    dispatcher.submit(score(1, "a"));
    for (let k = 0; k < 3; k++) expect(dispatcher.submit(perturb(4, "b"))).toBeDefined();
    expect(dispatcher.submit(score(1, "c"))).toBeUndefined();
    expect(dispatcher.load.queued).toBe(12);
    expect(dispatcher.retryAfter).toBeGreaterThanOrEqual(1);
  });

  it("forgets what nobody waits for", async () => {
    const { engine, dispatcher } = setUp();
    const running = dispatcher.submit(score(1, "a", "b", "c", "d", "e"));
    const kept = dispatcher.submit(score(1, "f"));
    if (!running) throw new Error("there was room");
    dispatcher.drop(running);
    await expect(running.done).rejects.toThrow("given up");
    expect(dispatcher.load).toEqual({ queued: 1, running: 4 });
    engine.finish();
    await Promise.resolve();
    engine.finish();
    expect(await kept?.done).toHaveLength(1);
    expect(engine.groups.map(textsOf)).toEqual([["a", "b", "c", "d"], ["f"]]);
    dispatcher.drop(running);
    expect(dispatcher.counts.dropped).toBe(1);
  });

  it("tells those whose items were with an engine that died, and keeps the others", async () => {
    const { engine, dispatcher } = setUp();
    const lost = dispatcher.submit(score(1, "a", "b", "c", "d", "e"));
    const kept = dispatcher.submit(score(1, "f"));
    engine.crash();
    await expect(lost?.done).rejects.toThrow("it died");
    engine.finish();
    engine.finish();
    expect(await kept?.done).toHaveLength(1);
    expect(dispatcher.load).toEqual({ queued: 0, running: 0 });
  });
});
