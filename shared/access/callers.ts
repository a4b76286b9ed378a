/** Name of whoever has the user's secret. */
export const OWNER_NAME = "secret";

/**
 * Returns whom a caller is counted as, where many with one token are one: its identity. Whoever has the
 * secret is counted by connection.
 */
export function callerKey({ name, peer }: { readonly name: string; readonly peer: string }): string {
  return name === OWNER_NAME ? peer : name;
}
