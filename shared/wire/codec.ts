import type { WireMessage, WireReader } from "./wire-message.ts";

/** Codec between a message and a value. */
export interface Codec<T> {
  /** Fields of the message. Undefined for codecs that are written by hand. */
  readonly shape?: MessageShape;
  encode(value: T): WireMessage;
  /** @throws {RPC_FAILED} when `encode` could not have made the message */
  decode(message: WireReader): T;
}

/** Codec with the name of its message in the proto files. */
export interface MessageCodec<T> extends Codec<T> {
  /** Name such as `JobStatus`. */
  readonly message: string;
  readonly shape: MessageShape;
}

/** Expected form of a field in the proto file. A test compares both. */
export interface FieldShape {
  /** Type such as `uint32`, `optional double`, `repeated Lease`, `JobPhase`. */
  readonly proto: string;
  /** Shape of the field's own message. */
  readonly inner?: MessageShape;
  /** Words of its enum, in their order. */
  readonly words?: readonly string[];
}

/** Fields of a message, by name. */
export type MessageShape = Readonly<Record<string, FieldShape>>;
