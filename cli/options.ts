/** Options of every verb; host, port and withoutKeys only of verbs that serve. */
export interface Options {
  readonly project: string;
  readonly data?: string | undefined;
  readonly json: boolean;
  readonly brokers?: readonly string[] | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly withoutKeys?: boolean | undefined;
}
