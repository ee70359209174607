/** The state of each view, for status, readiness and metrics. */
import { failingLine } from "../../shared/health/failing-groups.ts";
import type { Incident } from "../../shared/store/incidents.ts";
import type { ViewHealth } from "../health.ts";
import { unanswerable } from "../snapshot/answerable.ts";
import type { ServedVersion } from "../snapshot/loaded.ts";

/**
 * failing: some of its groups have no value, or a changelog that it reads is broken, the others are answered; failed, damaged: it can't be
 * answered; stopped: it is answered, but one of its streams is not read any more.
 */
export type ViewState = "ok" | "failing" | "failed" | "damaged" | "stopped";

export interface ViewCondition {
  readonly view: string;
  readonly state: ViewState;
  /** The reason for a state other than ok. */
  readonly why: string | null;
  /** Open incidents that affect the view. */
  readonly incidents: readonly Incident[];
}

export function viewStates(
  served: Pick<ServedVersion, "views">,
  health: Pick<ViewHealth, "failing"> | null,
  incidents: readonly Incident[],
): ViewCondition[] {
  return [...served.views.values()].map((view) => {
    const { name, streams } = view.definition;
    const own = incidents.filter(
      (each) => each.views?.includes(name) || each.streams?.some((s) => streams.includes(s)),
    );
    const given = (state: ViewState, why: string | null) => ({ view: name, state, why, incidents: own });
    const none = unanswerable(view);
    if (none) return given(view.damaged === null ? "failed" : "damaged", none.message);
    const stopped = own.find(({ kind }) => kind === "stream-stopped");
    if (stopped) return given("stopped", stopped.message);
    const failing = health && failingLine(health.failing(name));
    if (failing) return given("failing", failing);
    // where its groups have other rows, too, a number may be short of one
    const broken = own.find(({ kind }) => kind === "changelog-broken");
    return broken ? given("failing", broken.message) : given("ok", null);
  });
}

/** True where some questions about the view can be answered. */
export function hasAnswer({ state }: ViewCondition): boolean {
  return state !== "failed" && state !== "damaged";
}
