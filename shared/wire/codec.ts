import type { WireMessage, WireReader } from "./wire-message.ts";

/** How one message and one value of the domain become each other. */
export interface Codec<T> {
  /** Left out by those that are written by hand. */
  readonly shape?: MessageShape;
  encode(value: T): WireMessage;
  /** @throws {RPC_FAILED} when the message is not one that `encode` could have made */
  decode(message: WireReader): T;
}

/** A codec that knows which message of the proto files it is for. */
export interface MessageCodec<T> extends Codec<T> {
  /** `JobStatus` */
  readonly message: string;
  readonly shape: MessageShape;
}

/** What a row of a codec table says of its field in the proto file: a test holds it to that. */
export interface FieldShape {
  /** `uint32`, `optional double`, `repeated Lease`, `JobPhase`. */
  readonly proto: string;
  /** The table of the message that it holds. */
  readonly inner?: MessageShape;
  /** The words that its enum stands for, in their order. */
  readonly words?: readonly string[];
}

/** The fields of a message, by name. */
export type MessageShape = Readonly<Record<string, FieldShape>>;
