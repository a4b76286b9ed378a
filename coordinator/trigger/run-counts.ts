import type { TriggerOutcome } from "../../shared/domain/trigger-status.ts";
import type { TriggerFacts } from "../metrics/trigger-table.ts";
import type { RunOutcome } from "../runs/run-outcome.ts";

/** Counts how the runs of a job end, since a process began. */
export class RunCounts {
  readonly #ended = { published: 0, nothingNew: 0, failed: 0, cancelled: 0 };
  #retries = 0;

  get facts(): Pick<TriggerFacts, "ended" | "retries"> {
    return { ended: { ...this.#ended }, retries: this.#retries };
  }

  add(outcome: TriggerOutcome, isBegunAgain: boolean): void {
    if (outcome === "failed" && isBegunAgain) this.#retries += 1;
    else this.#ended[outcome] += 1;
  }

  /** A run as it was, counted when it has ended. One that was only left has not. */
  async counted(run: Promise<RunOutcome | null>, isBegunAgain: boolean): Promise<RunOutcome | null> {
    const ended = await run;
    if (ended !== null) this.add(ended.outcome, isBegunAgain);
    return ended;
  }
}
