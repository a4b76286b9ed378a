import type { RunHistory } from "../domain/run-history.ts";
import { secondsText } from "./scale.ts";

/** Limit of listed gaps. Earlier gaps are only counted. */
const MOST_LISTED = 5;

/** Describes the restarts of the coordinator and the gaps between. Null: there was one coordinator. */
export function periodsText({ periods = [] }: RunHistory): string | null {
  if (periods.length < 2) return null;
  const gaps = periods.slice(1).map(({ from }, index) => ({ from: periods[index]?.to ?? from, to: from }));
  const listed = gaps.slice(-MOST_LISTED).map(({ from, to }) => `${secondsText(from)} to ${secondsText(to)}`);
  const times = gaps.length === 1 ? "once" : `${gaps.length} times`;
  const which = listed.length < gaps.length ? "; of the last, " : ": ";
  return `The coordinator was restarted ${times}${which}nothing is known from ${listed.join(", ")}.`;
}

/** Returns the time during which a coordinator ran. */
export function secondsAtWork({ periods, seconds }: RunHistory): number {
  return periods?.reduce((sum, { from, to }) => sum + to - from, 0) ?? seconds;
}
