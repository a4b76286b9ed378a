import type { ServerHttp2Stream } from "node:http2";
import {
  Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from "@grpc/grpc-js";
import { type Pieces, piecesIn } from "./pieces.ts";
import { http2StreamOf } from "./server-call.ts";

/**
 * Sends messages in pieces straight to HTTP/2. grpc-js would copy each twice: into the encoded message, and
 * behind its prefix. All else stays with grpc-js: headers, deadlines, status. If a version of grpc-js hides
 * its stream, the messages are sent the usual way.
 *
 * It must be the first interceptor. The others then see every message before it is sent.
 */
export const sendPieces: ServerInterceptor = (_method, call) => new PiecesCall(call);

class PiecesCall extends ServerInterceptingCall {
  readonly #stream: ServerHttp2Stream | null;

  constructor(call: ServerInterceptingCallInterface) {
    super(call);
    this.#stream = http2StreamOf(call);
  }

  override sendMessage(message: unknown, callback: () => void): void {
    const pieces = piecesIn(message);
    const stream = this.#stream;
    if (pieces === null || stream === null) {
      super.sendMessage(message, callback);
      return;
    }
    // A call that has ended gets no callback, as in grpc-js.
    if (stream.destroyed || stream.closed || stream.writableEnded) return;
    if (!stream.headersSent) this.sendMetadata(new Metadata());
    write(stream, pieces, callback);
  }
}

/** Calls back when the connection has taken the whole message. The memory of its pieces is then free. */
function write(stream: ServerHttp2Stream, pieces: Pieces, callback: () => void): void {
  const framed = pieces.framed();
  stream.cork();
  for (const [index, piece] of framed.entries()) {
    if (index < framed.length - 1) stream.write(piece);
    // After an error the stream closes, which cancels the call.
    else stream.write(piece, (error) => error ?? callback());
  }
  stream.uncork();
}
