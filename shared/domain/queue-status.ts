/**
 * Outcomes of deliveries. `deadLettered`: the broker got the message as a dead letter. `ignored`: the message
 * requests nothing.
 */
export const MESSAGE_OUTCOMES = ["published", "duplicate", "deadLettered", "ignored"] as const;
export type MessageOutcome = (typeof MESSAGE_OUTCOMES)[number];

/** Status of one queue. */
export interface QueueStatus {
  /** Messages at the broker. Null: the broker does not report it. */
  readonly waiting: number | null;
  /** Age of the oldest unacknowledged message, in seconds since it was sent. 0: there is none. */
  readonly oldestSeconds: number;
  /** Fill of the open window, from 0 to 1. */
  readonly fill: number;
  /** Closed windows that are not acknowledged yet. */
  readonly openWindows: number;
  /** Open windows whose run has failed and is retried. */
  readonly failingWindows: number;
  readonly knownKeys: number;
  /** Count of each outcome since the process began. */
  readonly ended: Readonly<Record<MessageOutcome, number>>;
}
