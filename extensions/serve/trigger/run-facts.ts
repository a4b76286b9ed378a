import type { ServedFacts } from "../../../shared/domain/served-status.ts";
import { type RunOutcome, reasonText } from "./run-outcome.ts";
import type { RanFiring, TriggerState } from "./trigger-state.ts";

type Facts = Pick<ServedFacts, "waiting" | "last" | "publishedMs" | "ended" | "retries">;

/** Facts about a job's runs, from its ledger and from the outcomes since the process started. */
export class RunFacts {
  readonly #ended = { published: 0, nothingNew: 0, failed: 0, cancelled: 0 };
  #retries = 0;

  /**
   * Counts an ended run.
   *
   * @param isBegunAgain true if a failed run is retried automatically, and so has not ended
   */
  add({ outcome }: Pick<RunOutcome, "outcome">, isBegunAgain: boolean): void {
    if (outcome === "failed" && isBegunAgain) this.#retries += 1;
    else this.#ended[outcome] += 1;
  }

  /** Waits for a run and counts its outcome. An interrupted run is not counted. */
  async counted<T extends RunOutcome>(run: Promise<T | null>, isBegunAgain: boolean): Promise<T | null> {
    const ended = await run;
    if (ended !== null) this.add(ended, isBegunAgain);
    return ended;
  }

  /** @param state null: the job was never served */
  facts(state: TriggerState | null): Facts {
    const past = state?.past ?? [];
    const ran = past.flatMap((one) => (one.kind === "ran" ? [one] : []));
    const last = ran.at(-1);
    return {
      waiting: state?.waiting.length ?? 0,
      last: last === undefined ? null : lastOf(last),
      publishedMs: ran.findLast(({ outcome }) => outcome === "published")?.endedMs ?? null,
      ended: { ...this.#ended },
      retries: this.#retries,
    };
  }
}

function lastOf({ outcome, endedMs, jobId, reason }: RanFiring): Facts["last"] {
  return { outcome, endedMs, jobId, reason };
}

/** Returns the ledger's record of a run that has ended. */
export function ranFiring({ outcome, jobId, failure }: RunOutcome, atMs: number, endedMs: number): RanFiring {
  return {
    kind: "ran",
    atMs,
    outcome,
    jobId,
    reason: failure === null ? null : reasonText(failure),
    endedMs,
  };
}
