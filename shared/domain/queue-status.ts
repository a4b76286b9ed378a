/** What became of deliveries. `ignored`: they ask for nothing. */
export const MESSAGE_OUTCOMES = ["published", "duplicate", "aside", "ignored"] as const;
export type MessageOutcome = (typeof MESSAGE_OUTCOMES)[number];

/** What is told of one queue. */
export interface QueueStatus {
  /** Messages at the broker; null where it does not say. */
  readonly waiting: number | null;
  /** How long ago the oldest message was sent that is out and not settled, in seconds; 0 when none is. */
  readonly oldestSeconds: number;
  /** How full the window is that is gathered, from 0 to 1. */
  readonly fill: number;
  /** Windows that are closed and not settled. */
  readonly openWindows: number;
  /** ... of these, those whose run has failed, and is tried again. */
  readonly failingWindows: number;
  readonly knownKeys: number;
  /** Since the process began. */
  readonly ended: Readonly<Record<MessageOutcome, number>>;
}
