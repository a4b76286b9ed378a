import { EventEmitter } from "node:events";
import type { handleBidiStreamingCall, MethodDefinition, Server, UntypedHandleCall } from "@grpc/grpc-js";
import { loadForReflection } from "../../shared/wire/load-protos.ts";

/** The versions that clients ask for. */
const VERSIONS = ["v1", "v1alpha"];

interface Answering {
  readonly method: MethodDefinition<object, object>;
  /** Answers the messages of a stream: it listens for `data` and calls `write`. */
  readonly answer: (stream: EventEmitter & { write(message: object): void }) => void;
}

/**
 * Serves reflection (what `grpcurl` and its like read a server's services from). What answers is loaded when somebody asks:
 * it decodes every proto file twice, which a job on this machine would wait for.
 */
export function addReflection(server: Server): void {
  let loading: Promise<ReadonlyMap<string, Answering>> | undefined;
  for (const version of VERSIONS) {
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    const handler: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
      loading ??= loadAnswering();
      const answerAll = async () => {
        const found = (await loading)?.get(path);
        if (found === undefined) throw new Error(`broken invariant: reflection has no ${path}`);
        const { method, answer } = found;
        const write = (message: object) => call.write(method.responseSerialize(message));
        const stream = Object.assign(new EventEmitter(), { write });
        answer(stream);
        for await (const bytes of call) stream.emit("data", method.requestDeserialize(bytes));
        call.end();
      };
      answerAll().catch((error: unknown) => call.emit("error", error));
    };
    server.register(path, handler, unchanged, unchanged, "bidi");
  }
}

const unchanged = (bytes: Buffer): Buffer => bytes;

/** What the library would add to a server, by its methods' paths. */
async function loadAnswering(): Promise<ReadonlyMap<string, Answering>> {
  // Bundled, CommonJS has its default export only.
  const { default: library } = await import("@grpc/reflection");
  const found = new Map<string, Answering>();
  const collector = {
    addService(service: Record<string, MethodDefinition<object, object>>, handlers: UntypedHandlers) {
      for (const [name, method] of Object.entries(service))
        found.set(method.path, { method, answer: handlers[name] as unknown as Answering["answer"] });
    },
  };
  new library.ReflectionService(loadForReflection()).addToServer(collector as unknown as Server);
  return found;
}

type UntypedHandlers = Readonly<Record<string, UntypedHandleCall>>;
