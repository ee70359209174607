/** How far each layer is, as a bar. */
import { share } from "./dom.ts";

type Layers = Readonly<Record<"batch" | "speed" | "behind", number>>;

/** @param of what the shares are of, as the beginning of a sentence */
export function line(
  numbers: Layers,
  of: string,
): { readonly bar: HTMLElement; readonly percents: Readonly<Record<keyof Layers, string>> } {
  const all = Math.max(1, numbers.batch + numbers.speed + numbers.behind);
  const percent = (value: number) => `${((100 * value) / all).toFixed(value > 0 && value / all < 0.001 ? 3 : 1)} %`;
  const { batch, speed, behind } = numbers;
  const percents = { batch: percent(batch), speed: percent(speed), behind: percent(behind) };
  const bar = share(
    Object.entries({ batch, speed, behind }).map(([name, value]) => ({ name, value })),
    `${of} batch covers ${percents.batch}, speed ${percents.speed}, ${percents.behind} are not answered yet`,
  );
  return { bar, percents };
}
