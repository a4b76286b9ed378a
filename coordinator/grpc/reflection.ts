import { EventEmitter } from "node:events";
import { type handleBidiStreamingCall, type MethodDefinition, type Server, status } from "@grpc/grpc-js";
import { compiledDescriptors } from "../../shared/wire/descriptors.ts";
import { libraryMethods, NO_REQUEST, unchanged } from "./library-methods.ts";

/** The versions that clients ask for. */
const VERSIONS = ["v1", "v1alpha"];

/** What the library takes a call for: decoded messages come as `data`, then `end`. */
type Conversation = EventEmitter & { write(message: object): void; end(): void };

interface Answering {
  readonly method: MethodDefinition<object, object>;
  readonly answer: (conversation: Conversation) => void;
}

/**
 * Serves reflection (what `grpcurl` and its like read a server's services from). What answers is loaded when
 * somebody asks: a job on this machine would wait for it.
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

/** Answers each message as it comes; the call ends when its caller has asked everything. */
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

/** What the library would add to a server, by its methods' paths. */
async function loadAnswering(): Promise<ReadonlyMap<string, Answering>> {
  const fileDescriptorProtos = await compiledDescriptors();
  // Bundled, CommonJS has its default export only.
  const { default: library } = await import("@grpc/reflection");
  // Of what a loader of proto files gives, the library takes the descriptors only.
  const compiled = { all: { fileDescriptorProtos } } as unknown as ReflectionPackage;
  const service = new library.ReflectionService(compiled);
  const answering = [...libraryMethods((server) => service.addToServer(server))].map(
    ([path, { definition, handler }]) =>
      [path, { method: definition, answer: handler as unknown as Answering["answer"] }] as const,
  );
  return new Map(answering);
}

type ReflectionPackage = ConstructorParameters<typeof import("@grpc/reflection").ReflectionService>[0];
