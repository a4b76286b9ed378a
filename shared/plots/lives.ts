import type { RunHistory } from "../domain/run-history.ts";
import { secondsText } from "./scale.ts";

/** Limit of listed gaps. Earlier gaps are only counted. */
const MOST_TOLD = 5;

/** Describes the restarts of the coordinator and the gaps between. Null: there was one coordinator. */
export function livesText({ lives = [] }: RunHistory): string | null {
  if (lives.length < 2) return null;
  const gaps = lives.slice(1).map(({ from }, index) => ({ from: lives[index]?.to ?? from, to: from }));
  const told = gaps.slice(-MOST_TOLD).map(({ from, to }) => `${secondsText(from)} to ${secondsText(to)}`);
  const times = gaps.length === 1 ? "once" : `${gaps.length} times`;
  const which = told.length < gaps.length ? "; of the last, " : ": ";
  return `The coordinator was restarted ${times}${which}nothing is known from ${told.join(", ")}.`;
}

/** Returns the time during which a coordinator ran. */
export function secondsAtWork({ lives, seconds }: RunHistory): number {
  return lives?.reduce((sum, { from, to }) => sum + to - from, 0) ?? seconds;
}
