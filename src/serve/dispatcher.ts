/** Dynamic batching: work of all clients waits in one bounded queue and goes to the engine in groups of its kind. */
import type { Group, ItemResult } from "./protocol.ts";
import type { Work } from "./requests.ts";

/** Limits of the queue and of a batch, in texts. */
export interface DispatchLimits {
  /** Most texts computed together. */
  readonly maxBatch: number;
  /** Most texts that wait. */
  readonly maxQueue: number;
  /** Milliseconds that the first of a batch waits for company, where the engine has nothing to do. */
  readonly batchWait: number;
}

/** What computes groups, one at a time; an `Engine`. */
export interface GroupRunner {
  readonly idle: boolean;
  onIdle: () => void;
  run(group: Group): Promise<readonly ItemResult[]>;
}

/** What happened so far, for /metrics. */
export interface DispatchCounts {
  readonly batches: number;
  readonly texts: number;
  readonly busySeconds: number;
  readonly dropped: number;
}

/** An item in the queue. */
interface Job {
  readonly ticket: Ticket;
  /** Its place in the request. */
  readonly place: number;
  readonly item: Group["items"][number];
  readonly cost: number;
  /** performance.now() of its arrival. */
  readonly since: number;
}

/** Jobs that may ride together, oldest first. */
interface Lane {
  readonly kind: Pick<Work, "operation" | "choices">;
  jobs: Job[];
}

/** One request's way through the queue. */
export class Ticket {
  readonly results: ItemResult[];
  /** Settles when every item has its result, or when the first cannot get one. */
  readonly done: Promise<readonly ItemResult[]>;
  #left: number;
  #over = false;
  #resolve: (results: readonly ItemResult[]) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(items: number) {
    this.results = new Array<ItemResult>(items);
    this.#left = items;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // A request that is given up has nobody who waits.
    this.done.catch(() => undefined);
  }

  /** Nobody waits for the rest any more. */
  get over(): boolean {
    return this.#over;
  }

  /** Gives the item at `place` its result. */
  settle(place: number, result: ItemResult): void {
    if (this.#over) return;
    this.results[place] = result;
    if (--this.#left > 0) return;
    this.#over = true;
    this.#resolve(this.results);
  }

  fail(error: Error): void {
    this.#over = true;
    this.#reject(error);
  }
}

/** Puts work into groups and feeds the engine. */
export class Dispatcher {
  readonly #engine: GroupRunner;
  readonly #limits: DispatchLimits;
  /** By operation and choices. */
  readonly #lanes = new Map<string, Lane>();
  /** Texts in the queue. */
  #waiting = 0;
  /** Texts with the engine. */
  #running = 0;
  #timer: NodeJS.Timeout | undefined;
  #counts = { batches: 0, texts: 0, busySeconds: 0, dropped: 0 };
  /** Texts a second, of the last batches. */
  #rate = 0;

  constructor(engine: GroupRunner, limits: DispatchLimits) {
    this.#engine = engine;
    this.#limits = limits;
    engine.onIdle = () => this.#pump();
  }

  /** Texts that wait, and texts being computed. */
  get load(): { readonly queued: number; readonly running: number } {
    return { queued: this.#waiting, running: this.#running };
  }

  get counts(): DispatchCounts {
    return this.#counts;
  }

  /** Seconds after which a client that was turned away may come again. */
  get retryAfter(): number {
    const seconds = this.#rate > 0 ? (this.#waiting + this.#running) / this.#rate : 1;
    return Math.max(1, Math.min(60, Math.ceil(seconds)));
  }

  /** Takes a request's work; undefined where the queue has no room for all of it. */
  submit(work: Work): Ticket | undefined {
    const cost = work.items.length * work.costOfItem;
    if (this.#waiting + cost > this.#limits.maxQueue) return undefined;
    const ticket = new Ticket(work.items.length);
    const { operation, choices } = work;
    const key = `${operation} ${JSON.stringify(choices)}`;
    let lane = this.#lanes.get(key);
    if (!lane) {
      lane = { kind: { operation, choices }, jobs: [] };
      this.#lanes.set(key, lane);
    }
    const since = performance.now();
    for (const [place, item] of work.items.entries()) {
      lane.jobs.push({ ticket, place, item, cost: work.costOfItem, since });
    }
    this.#waiting += cost;
    this.#pump();
    return ticket;
  }

  /** Takes what is left of a request out of the queue; what the engine has already is computed for nobody. */
  drop(ticket: Ticket): void {
    if (ticket.over) return;
    this.#counts = { ...this.#counts, dropped: this.#counts.dropped + 1 };
    this.#end(ticket, new Error("the request was given up"));
  }

  #end(ticket: Ticket, error: Error): void {
    ticket.fail(error);
    for (const [key, lane] of this.#lanes) {
      const kept = lane.jobs.filter((job) => job.ticket !== ticket);
      for (const job of lane.jobs) if (job.ticket === ticket) this.#waiting -= job.cost;
      if (kept.length > 0) lane.jobs = kept;
      else this.#lanes.delete(key);
    }
  }

  /** The lane whose first job has waited longest. */
  #oldest(): readonly [string, Lane] | undefined {
    let found: readonly [string, Lane] | undefined;
    for (const entry of this.#lanes) {
      if (!found || entry[1].jobs[0].since < found[1].jobs[0].since) found = entry;
    }
    return found;
  }

  /** Gives the engine its next group, where it can take one and there is reason not to wait. */
  #pump(): void {
    if (!this.#engine.idle) return;
    const found = this.#oldest();
    if (!found) return;
    const [key, lane] = found;
    const wait = lane.jobs[0].since + this.#limits.batchWait - performance.now();
    const costs = lane.jobs.reduce((sum, { cost }) => sum + cost, 0);
    if (wait > 0 && costs < this.#limits.maxBatch) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#pump();
      }, Math.ceil(wait));
      return;
    }
    let cost = lane.jobs[0].cost;
    let count = 1;
    while (count < lane.jobs.length && cost + lane.jobs[count].cost <= this.#limits.maxBatch) {
      cost += lane.jobs[count++].cost;
    }
    const jobs = lane.jobs.splice(0, count);
    if (lane.jobs.length === 0) this.#lanes.delete(key);
    this.#waiting -= cost;
    void this.#compute(lane.kind, jobs, cost);
  }

  async #compute(kind: Lane["kind"], jobs: readonly Job[], cost: number): Promise<void> {
    const start = performance.now();
    this.#running += cost;
    try {
      // The items of a lane are those of its operation.
      const group = { ...kind, items: jobs.map(({ item }) => item) } as Group;
      const results = await this.#engine.run(group);
      jobs.forEach(({ ticket, place }, index) => {
        ticket.settle(place, results[index]);
      });
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error));
      for (const { ticket } of jobs) {
        if (!ticket.over) this.#end(ticket, reason);
      }
    } finally {
      this.#running -= cost;
      const seconds = (performance.now() - start) / 1000;
      this.#counts = {
        ...this.#counts,
        batches: this.#counts.batches + 1,
        texts: this.#counts.texts + cost,
        busySeconds: this.#counts.busySeconds + seconds,
      };
      const rate = cost / seconds;
      this.#rate = this.#rate === 0 ? rate : 0.8 * this.#rate + 0.2 * rate;
    }
  }
}
