import { type Token, tokenKey } from "../shared/domain/token.ts";

/** Returns the session of the caller, which is the first argument or a field of it. */
export function sessionOf(args: readonly unknown[]): string {
  const [first] = args;
  if (typeof first === "string") return first;
  const { session } = (first ?? {}) as { session?: string };
  return session ?? "";
}

/** Describes the arguments or the answer of a call for the log. */
export function brief(values: readonly unknown[]): string {
  const facts: string[] = [];
  for (const value of values) {
    const { kind, shard, token, lease, executionId, code } = (value ?? {}) as Record<string, unknown>;
    if (typeof kind === "string") facts.push(kind);
    if (typeof shard === "number") facts.push(`shard ${shard}`);
    if (typeof code === "string") facts.push(code);
    if (isToken(token)) facts.push(`token ${tokenKey(token)}`);
    if (typeof executionId === "string") facts.push(executionId);
    if (lease !== undefined) {
      const granted = lease as { shard: { id: number }; token: Token };
      facts.push(`shard ${granted.shard.id} token ${tokenKey(granted.token)}`);
    }
  }
  return facts.join(" ");
}

function isToken(value: unknown): value is Token {
  return typeof value === "object" && value !== null && "generation" in value;
}
