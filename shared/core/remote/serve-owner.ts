import { isMainThread, parentPort } from "node:worker_threads";
import { present } from "../assert.ts";
import { exitProcess, killProcess } from "../end-thread.ts";
import { type Methods, Peer } from "./peer.ts";

/** Closes all that a thread or child process has open. Runs when its calls have ended. */
type OnClose = () => Promise<void> | void;

/**
 * Serves methods to the owner of this thread or child process, which has a `Remote` of it. A thread serves as
 * long as its owner wants it. A process ends with its owner.
 *
 * @param methods what the owner calls
 * @returns the owner's methods, to call
 */
export function serveOwner<T extends Methods<T>, Owner extends Methods<Owner> = object>(
  methods: T,
  onClose: OnClose = () => {},
): Peer<Owner> {
  return isMainThread ? serveFromProcess(methods, onClose) : serveFromThread(methods, onClose);
}

type Inbox = Parameters<Peer<object>["receive"]>[0] | { readonly kind: "close" };

function serveFromThread<Owner extends Methods<Owner>>(methods: object, onClose: OnClose): Peer<Owner> {
  const port = present(parentPort, "a thread has a parent");
  const peer = new Peer<Owner>((message, transfer) => port.postMessage(message, transfer), methods);
  port.on("message", (message: Inbox) => {
    if (message.kind !== "close") return peer.receive(message);
    // Ends the thread: the port alone keeps it alive. Waits for native calls to return, see `untilEnded`.
    void closeAll(peer, onClose).finally(() => port.close());
  });
  return peer;
}

function serveFromProcess<Owner extends Methods<Owner>>(methods: object, onClose: OnClose): Peer<Owner> {
  const peer = new Peer<Owner>((message) => process.send?.(message), methods);
  // A kill, because an exit would wait for a native call.
  process.once("disconnect", () => killProcess());
  if (!process.connected) killProcess();
  // Ctrl-C reaches the whole process group, but the owner decides about this process.
  process.on("SIGINT", () => {});
  process.on("message", (message: Inbox) => {
    if (message.kind !== "close") return peer.receive(message);
    void closeAll(peer, onClose).finally(() => exitProcess(0));
  });
  return peer;
}

async function closeAll(peer: Peer<object>, onClose: OnClose): Promise<void> {
  await peer.abandon();
  await onClose();
}
