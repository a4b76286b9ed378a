import { messageOf } from "../../shared/core/errors.ts";
import { PEER_ATTACKS } from "./peer-attacks.ts";
import { type Attacker, made } from "./peer-tools.ts";

/** Fewer are no attack; the largest messages are sent that often. */
const LEAST_CALLS = 4;

/** What a process of attackers is told. */
export type AttackOrder = Pick<
  Attacker,
  "address" | "flight" | "http" | "jobId" | "inputPath" | "inputBytes" | "spec" | "token"
> & {
  /** All at once. */
  readonly attacks: readonly string[];
  readonly ms: number;
};

export interface AttackReport {
  readonly leasesTaken: number;
  readonly calls: number;
  /** What kept an attack from being made. */
  readonly problem: string | null;
}

process.once("message", (order: AttackOrder) => void attack(order));

/** A process of its own: what the attack costs itself must not be taken for what it costs the coordinator. */
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
