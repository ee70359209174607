/**
 * A client of the API, for Node and browsers. It sends the furthest position that it has seen with
 * every question, so that its answers never go back in time.
 *
 * `tidemark types` writes the types of a project's views and streams for `connect<Views, Streams>(…)`.
 */
import { Connection, type Options } from "./connection.ts";
import { Stream } from "./stream.ts";
import { paramText } from "./values.ts";
import { type Answer, View } from "./view.ts";

export { ApiError, type Appended, type Options } from "./connection.ts";
export { DigestMismatch } from "./frame.ts";
export type { Meta } from "./meta.ts";
export type { Question, Where } from "./question.ts";
export type { EventsQuestion, LostOffsets, StreamEvent } from "./stream.ts";
export type { Value } from "./values.ts";
export type { Answer, Change } from "./view.ts";

/** What each view's rows and keys are; see `tidemark types`. */
export interface ViewTypes {
  readonly row: object;
  /** The columns that are group keys. */
  readonly key: string;
}

type AnyViews = Readonly<Record<string, ViewTypes>>;
type AnyStreams = Readonly<Record<string, object>>;

export interface ViewInfo {
  readonly name: string;
  readonly description: string;
  readonly streams: readonly string[];
  readonly columns: readonly { readonly name: string; readonly type: string; readonly key: boolean }[];
  readonly failed: { readonly message: string } | null;
}

/** @param options.key an API key, if the server requires one */
export function connect<
  Views extends { [V in keyof Views]: ViewTypes } = AnyViews,
  Streams extends { [S in keyof Streams]: object } = AnyStreams,
>(options: Options): Client<Views, Streams> {
  return new Client<Views, Streams>(new Connection(options));
}

export class Client<
  Views extends { [V in keyof Views]: ViewTypes } = AnyViews,
  Streams extends { [S in keyof Streams]: object } = AnyStreams,
> {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The furthest position seen so far; "" before the first answer. */
  get position(): string {
    return this.#connection.position;
  }

  /** From here on, answers cover this position, too: one of another client, or of an earlier session. */
  see(position: string): void {
    this.#connection.see(position);
  }

  view<V extends keyof Views & string>(name: V): View<Views[V]["row"], Views[V]["key"]> {
    return new View(this.#connection, name);
  }

  stream<S extends keyof Streams & string>(name: S): Stream<Streams[S]> {
    return new Stream(this.#connection, name);
  }

  /** One SELECT over the views, at one snapshot. @throws ApiError */
  query<Row extends object = Record<string, unknown>>(
    sql: string,
    params: readonly (string | number | bigint | boolean | Date | null)[] = [],
    signal?: AbortSignal,
  ): Promise<Answer<Row>> {
    const texts = params.map((param, i) => paramText(param, `parameter ${i + 1}`));
    const body = `{"sql":${JSON.stringify(sql)},"params":[${texts.join(",")}]}`;
    return this.#connection.json<Answer<Row>>("/v1/query", { body, signal });
  }

  /** The views: columns, types, keys. @throws ApiError */
  views(): Promise<Answer<ViewInfo>> {
    return this.#connection.json<Answer<ViewInfo>>("/v1/views");
  }

  /** What is served, how far the log is ahead, and what is wrong. @throws ApiError */
  status<Status extends object = Record<string, unknown>>(): Promise<Status> {
    return this.#connection.json<Status>("/v1/status");
  }

  /** What changed between two positions. @throws ApiError */
  diff<Diff extends object = Record<string, unknown>>(from: string, to: string, view?: string): Promise<Diff> {
    const query = new URLSearchParams({ from, to, ...(view === undefined ? {} : { view }) });
    return this.#connection.json<Diff>(`/v1/diff?${query}`);
  }
}
