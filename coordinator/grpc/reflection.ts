import { EventEmitter } from "node:events";
import { type handleBidiStreamingCall, type MethodDefinition, type Server, status } from "@grpc/grpc-js";
import { compiledDescriptors } from "../../shared/wire/descriptors.ts";
import { libraryMethods, NO_REQUEST, unchanged } from "./library-methods.ts";

/** Versions that clients use. */
const VERSIONS = ["v1", "v1alpha"];

/** Call as the library expects it: decoded messages come as `data`, then `end`. */
type Conversation = EventEmitter & { write(message: object): void; end(): void };

interface Answering {
  readonly method: MethodDefinition<object, object>;
  readonly answer: (conversation: Conversation) => void;
}

/**
 * Serves reflection, from which `grpcurl` and similar tools read a server's services. Loads the library at
 * the first call, because loading it at the start would delay a local job.
 */
export function addReflection(server: Server): void {
  let loading: Promise<ReadonlyMap<string, Answering>> | undefined;
  for (const version of VERSIONS) {
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    const handler: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
      loading ??= loadAnswering();
      const fail = (error: unknown) => call.emit("error", error);
      loading.then((answering) => converse(call, answering.get(path))).catch(fail);
    };
    server.register(path, handler, unchanged, unchanged, "bidi");
  }
}

/** Answers each message as it arrives. The call ends when its caller has sent all questions. */
function converse(call: Parameters<handleBidiStreamingCall<Buffer, Buffer>>[0], answering?: Answering): void {
  if (answering === undefined) throw new Error(`broken invariant: no reflection at ${call.getPath()}`);
  const { method, answer } = answering;
  const conversation: Conversation = Object.assign(new EventEmitter(), {
    write: (message: object) => void call.write(method.responseSerialize(message)),
    end: () => void call.end(),
  });
  answer(conversation);
  call.on("data", (bytes: Buffer) => {
    try {
      conversation.emit("data", method.requestDeserialize(bytes));
    } catch {
      call.emit("error", { code: status.INVALID_ARGUMENT, details: NO_REQUEST });
    }
  });
  call.once("end", () => conversation.emit("end"));
}

/** Returns the methods that the library would add to a server, by their paths. */
async function loadAnswering(): Promise<ReadonlyMap<string, Answering>> {
  const fileDescriptorProtos = await compiledDescriptors();
  // In the bundle, a CommonJS module has only its default export.
  const { default: library } = await import("@grpc/reflection");
  // The library uses only the descriptors of a loaded proto package.
  const compiled = { all: { fileDescriptorProtos } } as unknown as ReflectionPackage;
  const service = new library.ReflectionService(compiled);
  const answering = [...libraryMethods((server) => service.addToServer(server))].map(
    ([path, { definition, handler }]) =>
      [path, { method: definition, answer: handler as unknown as Answering["answer"] }] as const,
  );
  return new Map(answering);
}

type ReflectionPackage = ConstructorParameters<typeof import("@grpc/reflection").ReflectionService>[0];
