import {
  Client,
  type ClientOptions,
  credentials,
  ResponderBuilder,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
} from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { dataMethods } from "../../shared/wire/methods-data.ts";
import { encodeBytesFields, respondInPieces } from "../../shared/wire/pieces.ts";
import { sendPieces } from "../../shared/wire/send-pieces.ts";
import { serveServerStream } from "../../shared/wire/streams.ts";

/** Messages in pieces, sent past grpc-js's encoder. A version of grpc-js that forbids it fails here. */

const PIECES = [10, 3_000_000, 3, 9_000, 0].map((size, at) => new Uint8Array(size).fill(at + 1));
const WHOLE = Buffer.concat(PIECES);

interface Rig extends AsyncDisposable {
  /** Messages that grpc-js itself encoded. */
  readonly encoded: () => number;
  read(options?: { readonly deadline?: number }): AsyncIterable<{ readonly chunk: Uint8Array }>;
}

/** Starts a server with one method that sends messages in pieces, with these interceptors. */
async function startRig(messages: number, interceptors: readonly ServerInterceptor[]): Promise<Rig> {
  let encoded = 0;
  const plain = dataMethods.readRange;
  const made = respondInPieces({
    ...plain,
    response: { decode: () => [], encode },
  });
  const responseSerialize = (message: object) => {
    encoded += 1;
    return made.definition.responseSerialize(message);
  };
  const method = { ...made, definition: { ...made.definition, responseSerialize } };
  // Each message has the same memory, which is overwritten when the next message is requested.
  async function* answer() {
    const pieces = PIECES.map((piece) => piece.slice());
    for (let sent = 0; sent < messages; sent += 1) {
      for (const [at, piece] of pieces.entries()) piece.set(PIECES[at] ?? []);
      yield pieces;
      for (const piece of pieces) piece.fill(99);
    }
  }
  const server = new Server({ interceptors: [...interceptors] });
  server.addService(
    { ReadRange: method.definition },
    { ReadRange: serveServerStream(method, answer, () => {}) },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const options: ClientOptions = {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_receive_message_length": -1,
  };
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options);
  const { path, requestSerialize, responseDeserialize } = plain.definition;
  const request = { session: "s", jobId: "j", path: "/a", start: 0, end: 1 };
  return {
    encoded: () => encoded,
    read: (times = {}) =>
      client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, times) as never,
    async [Symbol.asyncDispose]() {
      client.close();
      server.forceShutdown();
    },
  };
}

function encode(value: readonly Uint8Array[]) {
  return { pieces: encodeBytesFields([{ id: 1, value }]) };
}

async function readAll(rig: Rig, options = {}) {
  const chunks: Uint8Array[] = [];
  const failure = await (async () => {
    for await (const { chunk } of rig.read(options)) chunks.push(chunk);
    return null;
  })().catch((error: unknown) => error);
  expect(chunks.every((chunk) => WHOLE.equals(chunk))).toBe(true);
  return { messages: chunks.length, failure };
}

/** Hides the stream of a call, as another version of grpc-js may. */
const hideStream: ServerInterceptor = (_method, call) => {
  const hidden: ServerInterceptingCallInterface = {
    start: (listener) => call.start(listener),
    sendMetadata: (metadata) => call.sendMetadata(metadata),
    sendMessage: (message, callback) => call.sendMessage(message, callback),
    sendStatus: (status) => call.sendStatus(status),
    startRead: () => call.startRead(),
    getPeer: () => call.getPeer(),
    getDeadline: () => call.getDeadline(),
    getHost: () => call.getHost(),
    getAuthContext: () => call.getAuthContext(),
    getConnectionInfo: () => call.getConnectionInfo(),
    getMetricsRecorder: () => call.getMetricsRecorder(),
  };
  return hidden as ServerInterceptingCall;
};

test("messages in pieces arrive whole, grpc-js encodes none, and their memory is free once they are sent", async () => {
  await using rig = await startRig(20, [sendPieces]);
  expect(await readAll(rig)).toEqual({ messages: 20, failure: null });
  expect(rig.encoded()).toBe(0);
});

test("they are sent the usual way when the stream cannot be reached", async () => {
  await using rig = await startRig(20, [hideStream, sendPieces]);
  expect(await readAll(rig)).toEqual({ messages: 20, failure: null });
  expect(rig.encoded()).toBe(20);
});

test("later interceptors see each message before it is sent, and can refuse it", async () => {
  let seen = 0;
  const refuseThird: ServerInterceptor = (_method, call) =>
    new ServerInterceptingCall(
      call,
      new ResponderBuilder()
        .withSendMessage((message, next) => {
          seen += 1;
          if (seen < 3) next(message);
          else call.sendStatus({ code: 7, details: "refused" });
        })
        .build(),
    );
  await using rig = await startRig(20, [sendPieces, refuseThird]);
  expect(await readAll(rig)).toMatchObject({ messages: 2, failure: { code: 7 } });
});

test("a call ends at its deadline, between two messages", async () => {
  await using rig = await startRig(Number.POSITIVE_INFINITY, [sendPieces]);
  const { failure } = await readAll(rig, { deadline: Date.now() + 1_000 });
  expect(failure).toMatchObject({ code: 4 });
});
