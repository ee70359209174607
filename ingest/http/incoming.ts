/** An event's JSON, with the id that it brings along, or why there is none. */
export type Incoming = { readonly value: Buffer; readonly id?: string } | { readonly reason: string };
