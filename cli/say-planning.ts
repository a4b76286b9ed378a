import type { PlanProgress } from "../coordinator/plan/plan-progress.ts";
import { planningText } from "./render/planning-text.ts";

/** Time without a message. Checking thousands of files or a large model takes longer. */
const QUIET_MS = 3_000;
const REDRAW_MS = 500;
const PLAIN_LINE_MS = 10_000;

const CLEAR_LINE = "\r\x1b[K";

/** Target of the messages: `process.stderr`, or a replacement in tests. */
type PlanningStream = NodeJS.WritableStream & { readonly isTTY?: boolean };

/**
 * Reports the progress of long planning until it is disposed of. On a terminal it uses one line, which is
 * cleared afterwards. Elsewhere it writes a line now and then, when something has changed.
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
