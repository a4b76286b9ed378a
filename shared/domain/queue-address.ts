import { EXTENSIONS } from "#extensions";

const parts = EXTENSIONS.flatMap(({ queue }) => queue ?? []);

/** Address forms of queues, for messages. */
export const QUEUE_FORMS = listed(
  parts.map(({ form }) => `\`${form}\``),
  ", or ",
);
/** Names of the supported brokers, for docs. */
export const QUEUE_TITLES = listed(
  parts.map(({ title }) => title),
  " or ",
);

/** Returns the part that opens the queue of an address. Null: the address is not that of a queue. */
export function queuePartOf(address: string): (typeof parts)[number] | null {
  return parts.find((part) => part.accepts(address)) ?? null;
}

/**
 * Returns the address of another queue. `name` is a full address, or the name of a queue on the same broker.
 * Null: it is neither.
 */
export function siblingQueue(text: string, name: string): string | null {
  if (queuePartOf(name) !== null) return name;
  if (/[/?#\s]/.test(name)) return null;
  const [, before, behind = ""] = /^([^?]*\/)[^/?]+(\?.*)?$/.exec(text) ?? [];
  const sibling = before === undefined ? null : `${before}${encodeURIComponent(name)}${behind}`;
  return sibling !== null && queuePartOf(sibling) !== null ? sibling : null;
}

function listed(texts: readonly string[], last: string): string {
  const [end = "(no extension reads queues)", ...before] = texts.toReversed();
  return before.length === 0 ? end : `${before.toReversed().join(", ")}${last}${end}`;
}
