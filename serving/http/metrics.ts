/** What Prometheus scrapes: the status as gauges, and counts and durations of requests. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { statusOf } from "./status.ts";

type Status = ReturnType<typeof statusOf>;

export class Metrics {
  readonly #registry = new Registry();
  readonly #answers: Counter<"route" | "status">;
  readonly #seconds: Histogram<"route">;
  readonly #gauges: Readonly<Record<keyof typeof gauges, Gauge>>;

  constructor() {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#answers = new Counter({
      name: "tidemark_http_requests_total",
      help: "Requests answered",
      labelNames: ["route", "status"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "tidemark_http_request_duration_seconds",
      help: "How long requests took",
      labelNames: ["route"],
      buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    const made = Object.entries(gauges).map(([key, [name, help, ...labelNames]]) => {
      return [key, new Gauge({ name: `tidemark_${name}`, help, labelNames, registers })] as const;
    });
    this.#gauges = Object.fromEntries(made) as Record<keyof typeof gauges, Gauge>;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  answered(route: string, status: number, ms: number): void {
    this.#answers.inc({ route, status: String(status) });
    this.#seconds.observe({ route }, ms / 1000);
  }

  text(status: Status): Promise<string> {
    const set = this.#gauges;
    // views and streams that no longer exist must not be exported
    for (const gauge of Object.values(set)) gauge.reset();
    set.version.set(status.version);
    set.proved.set(status.proof.state === "proved" ? 1 : 0);
    set.cut.set(Date.parse(status.createdAt) / 1000);
    if (status.lagMs !== null) set.lag.set(status.lagMs / 1000);
    set.events.set({ layer: "batch" }, status.events.batch);
    set.events.set({ layer: "speed" }, status.events.speed);
    set.dead.set(status.dead);
    set.duplicates.set(status.duplicates);
    set.late.set(status.late);
    for (const { name, behind } of status.streams) if (behind !== null) set.behind.set({ stream: name }, behind);
    for (const { name, state, failed, damaged } of status.views) {
      set.failed.set({ view: name }, failed ? 1 : 0);
      set.failing.set({ view: name }, state === "failing" ? 1 : 0);
      set.stopped.set({ view: name }, state === "stopped" ? 1 : 0);
      set.damaged.set({ view: name }, damaged === null ? 0 : 1);
    }
    for (const { role, kind, code, subject, views, streams } of status.incidents) {
      const touched = { view: (views ?? []).join(" "), stream: (streams ?? []).join(" ") };
      set.incident.set({ role, kind, code, subject, ...touched }, 1);
    }
    set.complaint.set(status.complaint === null ? 0 : 1);
    return this.#registry.metrics();
  }
}

/** Name, help, labels. */
const gauges = {
  version: ["version", "Number of the version that is served"],
  proved: ["version_proved", "1 where the hand-over to the served version was proved"],
  cut: ["version_created_timestamp_seconds", "When the served version was made"],
  lag: ["lag_seconds", "How far answers lie behind the log"],
  events: ["events", "Events below the served position, by the layer they come from", "layer"],
  dead: ["dead_letters", "Dead letters below the served position"],
  duplicates: ["duplicates_suppressed", "Records below the served position that were suppressed"],
  late: ["late_events", "Events that came too late to know whether they are duplicates"],
  behind: ["behind_records", "Records that the answers do not cover yet", "stream"],
  failed: ["view_failed", "1 where a view's SQL fails on valid events", "view"],
  failing: ["view_failing", "1 where a view's SQL has no value for some of its groups", "view"],
  stopped: ["view_stopped", "1 where a stream of a view's is not read any more", "view"],
  damaged: ["view_damaged", "1 where a view has no answer since its file is damaged", "view"],
  incident: ["incident", "1 for what a role says is wrong now", "role", "kind", "code", "subject", "view", "stream"],
  complaint: ["serving_complaint", "1 where the store can't be followed"],
} as const satisfies Record<string, readonly [string, string, ...string[]]>;
