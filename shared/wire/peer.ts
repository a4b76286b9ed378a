import {
  type ChannelOptions,
  Client,
  credentials,
  logVerbosity,
  type Metadata,
  setLogVerbosity,
} from "@grpc/grpc-js";
import type { Credential } from "../access/credential.ts";
import { FreshCredential } from "../access/token.ts";
import { ShardmillError } from "../core/errors.ts";
import { authorization } from "./authorization.ts";
import { RenewedClient } from "./renewed-client.ts";
import { fromStatus, unreachable } from "./rpc-error.ts";
import { speaksTls, TlsChannel } from "./tls-channel.ts";

const HEALTH_CHECK = "/grpc.health.v1.Health/Check";

/** A call on a connection that failed answers at once; one on a connection that hangs would wait. */
const DIAGNOSIS_MS = 500;

/** As gRPC's own rule for connections has it; nobody who is there takes longer, and leases outlast it. */
const CONNECT_MS = 20_000;

/** One connection to a coordinator, and the calls that are open on it. */
export class Peer {
  readonly address: string;
  readonly #client: RenewedClient;
  readonly #credential: FreshCredential;
  readonly #tls: TlsChannel | null;
  readonly #open = new Set<(reason: ShardmillError) => void>();
  #closed: ShardmillError | null = null;

  /** @throws {TLS_INVALID} when a file for TLS cannot be used */
  constructor(
    address: string,
    credential: Credential,
    options: ChannelOptions,
    connectMs: number = CONNECT_MS,
  ) {
    quietGrpc();
    this.address = address;
    this.#credential = new FreshCredential(credential);
    this.#tls = credential.tls === undefined ? null : new TlsChannel(address, credential.tls);
    const make = () => new Client(address, this.#tls ?? credentials.createInsecure(), options);
    this.#client = new RenewedClient(make, connectMs);
  }

  /** To be asked for at each call. */
  get client(): Client {
    return this.#client.current;
  }

  /** What goes with every call. */
  metadata(): Metadata {
    return authorization(this.#credential.at(Date.now()));
  }

  /** What a call of `method` rejects with, when it failed so. */
  failureOf(error: unknown, method: string): ShardmillError {
    const failure = fromStatus(error, {
      address: this.address,
      method,
      credential: this.#credential.at(Date.now()),
    });
    return failure.code === "COORDINATOR_UNREACHABLE" || failure.code === "CERTIFICATE_REFUSED"
      ? (this.#tls?.refusal ?? failure)
      : failure;
  }

  /**
   * Has `cancel` called when `signal` aborts or the connection is closed, until the returned function is
   * called.
   *
   * @throws the signal's reason when it has aborted already; {INTERRUPTED} when the connection is closed
   */
  watchCall(cancel: () => void, signal: AbortSignal): CallWatch {
    signal.throwIfAborted();
    if (this.#closed !== null) throw this.#closed;
    const watch: { reason: unknown } = { reason: undefined };
    const stop = (reason: unknown) => {
      watch.reason = reason;
      cancel();
    };
    const onAbort = () => stop(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#open.add(stop);
    return {
      get reason() {
        return watch.reason;
      },
      end: () => {
        signal.removeEventListener("abort", onAbort);
        this.#open.delete(stop);
      },
    };
  }

  /**
   * Resolves once connected. @throws {COORDINATOR_UNREACHABLE} or {CERTIFICATE_REFUSED} after `waitMs`, and
   * why
   */
  async waitReady(waitMs: number): Promise<void> {
    if (this.#closed !== null) throw this.#closed;
    if (!(await this.#client.isReadyBy(Date.now() + waitMs)))
      throw this.#closed ?? (await this.#whyNotReady(waitMs));
  }

  /** A channel does not tell why it has no connection; a call on it does. */
  async #whyNotReady(waitMs: number): Promise<ShardmillError> {
    const asIs = (bytes: Buffer) => bytes;
    const error = await new Promise<unknown>((resolve) => {
      const deadline = Date.now() + DIAGNOSIS_MS;
      this.client.makeUnaryRequest(HEALTH_CHECK, asIs, asIs, Buffer.alloc(0), { deadline }, resolve);
    });
    const why = this.failureOf(error, "Check");
    // A server that wants TLS closes other connections without a word.
    if (this.#tls === null && (await speaksTls(this.address, DIAGNOSIS_MS))) return tlsIsWanted(this.address);
    return why.code === "COORDINATOR_UNREACHABLE" || why.code === "CERTIFICATE_REFUSED"
      ? why
      : unreachable(this.address, `no connection within ${waitMs} ms`, error);
  }

  /** Ends every open call and the connection. */
  close(): void {
    if (this.#closed !== null) return;
    this.#closed = new ShardmillError("INTERRUPTED", "the connection to the coordinator was closed", {
      fields: { address: this.address },
    });
    for (const stop of [...this.#open]) stop(this.#closed);
    this.#client.close();
  }
}

/** A call's tie to its caller's signal. `reason` is why it was stopped, undefined while it was not. */
interface CallWatch {
  readonly reason: unknown;
  end(): void;
}

function tlsIsWanted(address: string): ShardmillError {
  return new ShardmillError("CERTIFICATE_REFUSED", `the coordinator at ${address} speaks TLS only`, {
    fields: { address },
    hint: "name the CA of its certificate with --tls-ca or SHARDMILL_TLS_CA (`system`: those of this system)",
  });
}

/**
 * grpc-js writes its own lines to stderr; ours say the same in our words. Whoever traces it still gets them.
 */
export function quietGrpc(): void {
  if (process.env.GRPC_VERBOSITY === undefined && process.env.GRPC_TRACE === undefined) {
    setLogVerbosity(logVerbosity.NONE);
  }
}
