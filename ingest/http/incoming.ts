/** An event's JSON, with the id that its envelope carries; or the reason why there is no event. */
export type Incoming = { readonly value: Buffer; readonly id?: string } | { readonly reason: string };
