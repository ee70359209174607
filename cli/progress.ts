import { Presets, SingleBar } from "cli-progress";

/** A progress bar on standard error, or nothing when that is not a terminal. */
export interface Progress {
  add(count: number): void;
  stop(): void;
}

/** @param total null when unknown: only the count is shown then */
export function openProgress(shown: boolean, title: string, unit: string, total: number | null): Progress {
  if (!shown) return { add: () => undefined, stop: () => undefined };
  const format =
    total === null
      ? `${title} {value} ${unit}, {duration_formatted}`
      : `${title} {bar} {percentage}% {value} of {total} ${unit}, {eta_formatted} left`;
  const bar = new SingleBar(
    { format, stream: process.stderr, hideCursor: true, etaBuffer: 50, fps: 10 },
    Presets.shades_classic,
  );
  bar.start(total ?? 0, 0);
  return {
    add: (count) => {
      bar.increment(count);
    },
    stop: () => bar.stop(),
  };
}
