import { messageOf } from "../../shared/core/errors.ts";
import { PEER_ATTACKS } from "./peer-attacks.ts";
import { type Attacker, made } from "./peer-tools.ts";

/** Fewer calls are no attack. Even the largest messages are sent more often. */
const LEAST_CALLS = 4;

/** Order for a process of attackers. */
export type AttackOrder = Pick<
  Attacker,
  "address" | "flight" | "http" | "jobId" | "inputPath" | "inputBytes" | "spec" | "token"
> & {
  /** Names of attacks, which run concurrently. */
  readonly attacks: readonly string[];
  readonly ms: number;
};

export interface AttackReport {
  readonly leasesTaken: number;
  readonly calls: number;
  /** Reason why an attack could not be made, or null. */
  readonly problem: string | null;
}

process.once("message", (order: AttackOrder) => void attack(order));

/** Runs attacks in a separate process, so that their own cost does not count as the coordinator's. */
async function attack(order: AttackOrder): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  const timer = setTimeout(() => over.abort(new Error("the attack is over")), order.ms);
  let leasesTaken = 0;
  let problem: string | null = null;
  const attacker: Attacker = {
    ...order,
    signal,
    tookLease: () => {
      leasesTaken += 1;
    },
  };
  try {
    await Promise.all(
      order.attacks.map(async (name) => {
        const run = PEER_ATTACKS[name];
        if (run === undefined) throw new Error(`no attack ${name}`);
        await run(attacker);
      }),
    );
  } catch (error) {
    problem = messageOf(error);
  }
  clearTimeout(timer);
  if (made.calls < LEAST_CALLS) problem ??= `only ${made.calls} calls were made`;
  process.send?.({ leasesTaken, calls: made.calls, problem } satisfies AttackReport, () => process.exit(0));
}
