/** What the server counts, in Prometheus' text format. */
import type { DispatchCounts } from "./dispatcher.ts";

/** Upper edges of the histogram of latencies, seconds. */
const edges = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Figures that are read, not counted. */
export interface Gauges {
  readonly queued: number;
  readonly running: number;
  readonly openRequests: number;
  readonly engineUp: boolean;
  readonly engineRestarts: number;
  readonly rssBytes: number;
  readonly tensorBytes: number;
  readonly uptimeSeconds: number;
}

/** Counts answers by route and status, and how long those with status 200 took. */
export class ServerMetrics {
  readonly #answers = new Map<string, number>();
  readonly #buckets = new Array<number>(edges.length).fill(0);
  #count = 0;
  #sum = 0;

  answered(route: string, status: number, seconds: number): void {
    const labels = `route="${route}",status="${status}"`;
    this.#answers.set(labels, (this.#answers.get(labels) ?? 0) + 1);
    if (status !== 200) return;
    this.#count++;
    this.#sum += seconds;
    // Cumulative, as the format wants it.
    for (const [index, edge] of edges.entries()) if (seconds <= edge) this.#buckets[index]++;
  }

  /** Answers so far. */
  get total(): number {
    return [...this.#answers.values()].reduce((sum, count) => sum + count, 0);
  }

  /** The page of /metrics. */
  page(gauges: Gauges, counts: DispatchCounts): string {
    const lines: string[] = [];
    const metric = (name: string, type: string, help: string, samples: readonly [string, number][]): void => {
      lines.push(`# HELP riverrun_${name} ${help}`, `# TYPE riverrun_${name} ${type}`);
      for (const [suffix, value] of samples) lines.push(`riverrun_${name}${suffix} ${value}`);
    };
    metric("requests_total", "counter", "Answers by route and HTTP status.", [
      ...[...this.#answers].map(([labels, value]): [string, number] => [`{${labels}}`, value]),
    ]);
    metric("request_seconds", "histogram", "Time from a request's headers to its answer, of answers with status 200.", [
      ...edges.map((edge, index): [string, number] => [`_bucket{le="${edge}"}`, this.#buckets[index]]),
      ['_bucket{le="+Inf"}', this.#count],
      ["_sum", this.#sum],
      ["_count", this.#count],
    ]);
    metric("batches_total", "counter", "Groups computed.", [["", counts.batches]]);
    metric("texts_total", "counter", "Texts computed.", [["", counts.texts]]);
    metric("busy_seconds_total", "counter", "Time that the engine computed.", [["", counts.busySeconds]]);
    metric("dropped_total", "counter", "Requests given up by their client or by the time limit.", [
      ["", counts.dropped],
    ]);
    metric("queue_texts", "gauge", "Texts that wait.", [["", gauges.queued]]);
    metric("running_texts", "gauge", "Texts being computed.", [["", gauges.running]]);
    metric("open_requests", "gauge", "Requests being answered.", [["", gauges.openRequests]]);
    metric("engine_up", "gauge", "1 where the engine can compute.", [["", gauges.engineUp ? 1 : 0]]);
    metric("engine_restarts_total", "counter", "Times that the engine died.", [["", gauges.engineRestarts]]);
    metric("resident_memory_bytes", "gauge", "Resident memory of the process.", [["", gauges.rssBytes]]);
    metric("tensor_bytes", "gauge", "Bytes that tensors held after the last batch.", [["", gauges.tensorBytes]]);
    metric("uptime_seconds", "gauge", "Time since the server started.", [["", gauges.uptimeSeconds]]);
    return `${lines.join("\n")}\n`;
  }
}
