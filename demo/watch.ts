/** Polls the API as a client does, and shows the answer as it changes. */
import { setTimeout as sleep } from "node:timers/promises";
import { grouped, type Screen } from "./screen.ts";

interface Answer {
  readonly data: readonly {
    origin: string;
    flights: number;
    mean_delay: number;
    worst_delay: number;
    late_percent: number;
  }[];
  readonly meta: {
    readonly version: number;
    readonly position: string;
    readonly lagMs: number | null;
    readonly events: { readonly batch: number; readonly speed: number };
  };
}

const settleMsMax = 90_000;

/** Polls the API a few times a second. */
export class Watch {
  /** Events sent so far, for the heading. */
  sent = 0;
  readonly #screen: Screen;
  readonly #url: string;
  readonly #count: number;
  #last = 0;

  constructor(screen: Screen, url: string, count: number) {
    this.#screen = screen;
    this.#url = url;
    this.#count = count;
  }

  async poll(): Promise<void> {
    if (performance.now() - this.#last < 250) return;
    this.#last = performance.now();
    this.#show(await this.#ask({}));
  }

  /** Waits for this version's answer that covers everything sent; it is served once its read models are built. */
  async settle(position: string, version: number): Promise<void> {
    let answer = await this.#ask({ "tidemark-wait-for": position });
    for (const until = performance.now() + settleMsMax; answer.meta.version < version; ) {
      if (performance.now() > until) throw new Error(`version ${version} is not served after ${settleMsMax / 1000} s`);
      this.#show(answer);
      await sleep(250);
      answer = await this.#ask({ "tidemark-wait-for": position });
    }
    const { batch, speed } = answer.meta.events;
    this.#screen.note(
      `   all sent; the answer now covers ${grouped(batch + speed)} flights, at ${answer.meta.position}`,
    );
    this.#screen.answer(this.#lines(answer), this.#plain(answer), true);
  }

  async #ask(headers: Record<string, string>): Promise<Answer> {
    const response = await fetch(`${this.#url}/v1/views/delays?flights=gte.1000&order=mean_delay.desc,origin&limit=5`, {
      headers,
    });
    const body = (await response.json()) as Answer & { detail?: string };
    if (!response.ok) throw new Error(`the API answered ${response.status}: ${body.detail ?? ""}`);
    return body;
  }

  #show(answer: Answer): void {
    this.#screen.answer(this.#lines(answer), this.#plain(answer));
  }

  #lines(answer: Answer): string[] {
    const { batch, speed } = answer.meta.events;
    const share = Math.round((30 * batch) / Math.max(1, batch + speed));
    return [
      `   sent ${grouped(this.sent)} of ${grouped(this.#count)}; version ${answer.meta.version}, lag ${lagText(answer)}`,
      `   ${"█".repeat(share)}${"▒".repeat(30 - share)} ${grouped(batch)} from batch + ${grouped(speed)} from speed`,
      "   worst mean delays          flights   mean     worst    late",
      ...answer.data.map(
        (row) =>
          `     ${row.origin.padEnd(20)} ${grouped(row.flights).padStart(9)} ${row.mean_delay.toFixed(2).padStart(6)} ${`${row.worst_delay} min`.padStart(9)} ${`${row.late_percent.toFixed(1)} %`.padStart(7)}`,
      ),
    ];
  }

  #plain(answer: Answer): string {
    const { batch, speed } = answer.meta.events;
    const worst = answer.data.slice(0, 3).map((row) => `${row.origin} ${row.mean_delay.toFixed(2)}`);
    return `   version ${answer.meta.version}: ${grouped(batch)} from batch + ${grouped(speed)} from speed, lag ${lagText(answer)}; worst mean delays: ${worst.join(", ")}`;
  }
}

function lagText({ meta }: Answer): string {
  return meta.lagMs === null ? "unknown" : `${meta.lagMs} ms`;
}
