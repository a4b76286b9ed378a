import type { Logger } from "../../shared/core/log.ts";
import type { FailedDelivery } from "../../shared/extension/queue-source.ts";

/** Logs one warning for all messages that are acknowledged without a dead-letter queue. */
export function logNoDeadLetterQueue(log: Logger, queue: string, failed: readonly FailedDelivery[]): void {
  const [first] = failed;
  if (first === undefined) return;
  const { delivery, reason } = first;
  log.warn(
    { queue, messages: failed.length, first: delivery.messageId, reason },
    "unusable messages were acknowledged without a dead-letter queue: name one in `trigger.deadLetters`",
  );
}
