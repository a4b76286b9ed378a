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

/**
 * Limit of the call that diagnoses a connection. A failed connection responds at once, a hanging one would
 * wait.
 */
const DIAGNOSIS_MS = 500;

/**
 * Limit to establish a connection, as in gRPC's own rule. Reachable coordinators respond sooner, and leases
 * last longer.
 */
const CONNECT_MS = 20_000;

/** Connection to a coordinator, with its open calls. */
export class Peer {
  readonly address: string;
  readonly #client: RenewedClient;
  readonly #credential: FreshCredential;
  readonly #tls: TlsChannel | null;
  readonly #open = new Set<(reason: ShardmillError) => void>();
  #closed: ShardmillError | null = null;

  /** @throws {TLS_INVALID} when a file for TLS is invalid */
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

  /** Client to use. Read it for each call, because it may be replaced. */
  get client(): Client {
    return this.#client.current;
  }

  /** Returns the metadata of a call, with the current credential. */
  metadata(): Metadata {
    return authorization(this.#credential.at(Date.now()));
  }

  /** Converts the error of a failed call of `method`. */
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
   * Calls `cancel` when `signal` aborts or the connection closes, until the watch ends.
   *
   * @throws the signal's reason when it has already aborted
   * @throws {INTERRUPTED} when the connection is closed
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
   * Resolves once connected.
   *
   * @throws {COORDINATOR_UNREACHABLE} {CERTIFICATE_REFUSED} after `waitMs`, with the reason
   */
  async waitReady(waitMs: number): Promise<void> {
    if (this.#closed !== null) throw this.#closed;
    if (!(await this.#client.isReadyBy(Date.now() + waitMs)))
      throw this.#closed ?? (await this.#whyNotReady(waitMs));
  }

  /** Finds the reason of a missing connection with a call, because a channel does not report it. */
  async #whyNotReady(waitMs: number): Promise<ShardmillError> {
    const asIs = (bytes: Buffer) => bytes;
    const error = await new Promise<unknown>((resolve) => {
      const deadline = Date.now() + DIAGNOSIS_MS;
      this.client.makeUnaryRequest(HEALTH_CHECK, asIs, asIs, Buffer.alloc(0), { deadline }, resolve);
    });
    const why = this.failureOf(error, "Check");
    // A server with TLS closes other connections without an error.
    if (this.#tls === null && (await speaksTls(this.address, DIAGNOSIS_MS))) return tlsIsWanted(this.address);
    return why.code === "COORDINATOR_UNREACHABLE" || why.code === "CERTIFICATE_REFUSED"
      ? why
      : unreachable(this.address, `no connection within ${waitMs} ms`, error);
  }

  /** Ends all open calls and the connection. */
  close(): void {
    if (this.#closed !== null) return;
    this.#closed = new ShardmillError("INTERRUPTED", "the connection to the coordinator was closed", {
      fields: { address: this.address },
    });
    for (const stop of [...this.#open]) stop(this.#closed);
    this.#client.close();
  }
}

/** Link from a call to its caller's signal. `reason` is why the call was stopped. Undefined: not stopped. */
interface CallWatch {
  readonly reason: unknown;
  end(): void;
}

function tlsIsWanted(address: string): ShardmillError {
  return new ShardmillError("CERTIFICATE_REFUSED", `the coordinator at ${address} speaks TLS only`, {
    fields: { address },
    hint: "name the CA of its certificate with --tls-ca or SHARDMILL_TLS_CA (`system`: the CAs of this system)",
  });
}

/**
 * Disables grpc-js's lines on stderr, because our errors have the same content. Its tracing variables still
 * work.
 */
export function quietGrpc(): void {
  if (process.env.GRPC_VERBOSITY === undefined && process.env.GRPC_TRACE === undefined) {
    setLogVerbosity(logVerbosity.NONE);
  }
}
