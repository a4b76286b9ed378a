import type { PlanProgress } from "../coordinator/plan/plan-progress.ts";
import { planningText } from "./render/planning-text.ts";

/** Thousands of files, or a large model, take a while to check: nobody should wonder for longer than this. */
const QUIET_MS = 3_000;
const REDRAW_MS = 500;
const PLAIN_LINE_MS = 10_000;

const CLEAR_LINE = "\r\x1b[K";

/** Where it is said: `process.stderr`, or a stand-in. */
type PlanningStream = NodeJS.WritableStream & { readonly isTTY?: boolean };

/**
 * Says what planning is at while it takes long, until it is disposed of: on a terminal in one line that is
 * gone afterwards, elsewhere in a line now and then, when there is something new.
 */
export function sayPlanning(progress: PlanProgress, stream: PlanningStream = process.stderr): Disposable {
  const isLive = stream.isTTY === true;
  let said = "";
  const say = () => {
    const text = planningText(progress);
    if (text === said) return;
    said = text;
    stream.write(isLive ? `${CLEAR_LINE}${text}` : `${text}\n`);
  };
  let every: NodeJS.Timeout | null = null;
  const patience = setTimeout(() => {
    say();
    every = setInterval(say, isLive ? REDRAW_MS : PLAIN_LINE_MS);
  }, QUIET_MS);
  return {
    [Symbol.dispose]() {
      clearTimeout(patience);
      if (every !== null) clearInterval(every);
      if (isLive && said !== "") stream.write(CLEAR_LINE);
    },
  };
}
