import type { RunHistory } from "../domain/run-history.ts";
import { secondsText } from "./scale.ts";

/** More than these are only counted. */
const MOST_TOLD = 5;

/** Where several coordinators were at it: how many, and when nobody was. Null: there was one. */
export function livesText({ lives = [] }: RunHistory): string | null {
  if (lives.length < 2) return null;
  const gaps = lives.slice(1).map(({ from }, index) => ({ from: lives[index]?.to ?? from, to: from }));
  const told = gaps.slice(-MOST_TOLD).map(({ from, to }) => `${secondsText(from)} to ${secondsText(to)}`);
  const times = gaps.length === 1 ? "once" : `${gaps.length} times`;
  const which = told.length < gaps.length ? "; of the last, " : ": ";
  return `The coordinator was started again ${times}${which}nothing is known from ${told.join(", ")}.`;
}

/** How long a coordinator was at it. */
export function secondsAtWork({ lives, seconds }: RunHistory): number {
  return lives?.reduce((sum, { from, to }) => sum + to - from, 0) ?? seconds;
}
