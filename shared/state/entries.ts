/** What the entries of a delta carry of states. */
import type { Entry, EntryStates } from "../store/layout.ts";
import type { CarriedState, State, StateKind } from "./state.ts";
import { suppression } from "./suppression.ts";

/** Every kind of state that entries carry. */
const kinds = [suppression] as const;

/** What an entry carries of one kind. @param states by stream, what the entry's records were folded into */
export function carryStates<S extends State<C, R>, C extends CarriedState, R extends object>(
  { name }: StateKind<S, C, R>,
  states: ReadonlyMap<string, S>,
): EntryStates {
  return { [name]: Object.fromEntries([...states].map(([stream, state]) => [stream, state.carry()])) };
}

/** Of neighbouring entries as of one; undefined where one of them says nothing of it. */
export function joinStates(entries: readonly Entry[]): EntryStates | undefined {
  const all = entries.map(({ states }) => states);
  if (!all.every((each) => each !== undefined)) return undefined;
  return Object.fromEntries(
    kinds.map(({ name, join }) => {
      const own = all.map((states) => states[name] ?? {});
      const streams = new Set(own.flatMap((each) => Object.keys(each)));
      const joined = (stream: string) =>
        join(own.map((each) => (each[stream] ?? []) as Parameters<typeof join>[0][number]));
      return [name, Object.fromEntries([...streams].map((stream) => [stream, joined(stream)]))];
    }),
  );
}
