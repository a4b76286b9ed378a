import type { Socket } from "node:net";
import type { TLSSocket, TlsOptions, Server as TlsServer } from "node:tls";
import { namesOf } from "../access/certificate-names.ts";
import { type ServerTls, TlsFiles } from "../access/tls-files.ts";
import { errorCode } from "../core/errno.ts";
import { messageOf, ShardmillError } from "../core/errors.ts";
import type { Logger } from "../core/log.ts";
import type { Listening } from "./listening.ts";

/** Limit of a handshake, so silent clients are disconnected. A distant client needs four round trips. */
const HANDSHAKE_MS = 20_000;

/** Problems of a client's certificate, by OpenSSL's codes. */
const PROBLEMS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the certificate of this client has expired",
  CERT_NOT_YET_VALID: "the certificate of this client is not valid yet",
  INVALID_PURPOSE: "the certificate of this client is for other uses (extendedKeyUsage lacks clientAuth)",
};

/**
 * Common part of TLS servers: it renews certificates when their files change, and refuses clients. With
 * mutual TLS, the handshake of a client with an invalid certificate succeeds. Otherwise Node would close the
 * connection without a reason. Its calls are refused with the reason, before any of their content is read.
 */
export class TlsListener {
  readonly #files: TlsFiles;
  readonly #wantsCertificates: boolean;
  readonly #log: Logger;
  readonly #problems = new Map<string, string>();
  readonly #names = new Map<string, readonly string[]>();

  /** @throws {TLS_INVALID} when a file is invalid */
  constructor({ own, clientCa }: ServerTls, log: Logger) {
    this.#files = new TlsFiles(clientCa, own);
    this.#wantsCertificates = clientCa !== null;
    this.#log = log;
  }

  /** Options for a server that is then passed to {@link watch}. */
  get options(): TlsOptions {
    return {
      ...this.#files.latest(),
      requestCert: this.#wantsCertificates,
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_MS,
    };
  }

  /**
   * Renews the server's certificates. Checks client certificates before other listeners get the connection.
   */
  watch(server: TlsServer): void {
    let inUse = this.#files.latest();
    server.prependListener("connection", () => {
      const latest = this.#files.latest((error) =>
        this.#log.warn(error, "the certificates cannot be read: the previous ones are kept"),
      );
      if (latest === inUse) return;
      inUse = latest;
      server.setSecureContext(latest);
      this.#log.info("certificates reloaded");
    });
    server.prependListener("secureConnection", (socket) => this.#meet(socket));
    server.on("tlsClientError", (error, socket) => this.#report(error, socket));
  }

  /** Returns the reason to refuse a client's calls, by its address and port. Null: the client is accepted. */
  refusalOf(peer: string): ShardmillError | null {
    const problem = this.#problems.get(peer);
    return problem === undefined
      ? null
      : new ShardmillError("CERTIFICATE_REFUSED", problem, {
          hint: "use one that a CA of the coordinator's --tls-client-ca has signed: --tls-cert and --tls-key",
        });
  }

  /** Returns the names in a client's certificate, by its address and port. Empty for a refused client. */
  namesOf(peer: string): readonly string[] {
    return this.#names.get(peer) ?? [];
  }

  #meet(socket: TLSSocket): void {
    socket.on("error", (error) => this.#log.debug(error, "connection failed"));
    if (!this.#wantsCertificates) return;
    const peer = peerOf(socket);
    if (socket.authorized) {
      this.#names.set(peer, namesOf(socket.getPeerCertificate()));
      socket.once("close", () => this.#names.delete(peer));
      return;
    }
    const problem = problemOf(socket);
    this.#problems.set(peer, problem);
    socket.once("close", () => this.#problems.delete(peer));
    this.#log.warn({ peer, problem }, "client refused");
  }

  /**
   * Logs a failed handshake. Clients that only probe the port, or reject our certificate, disconnect, so
   * those are only debug entries.
   */
  #report(error: Error, socket: TLSSocket): void {
    const [, reason = messageOf(error)] = /SSL routines:[^:]*:([^:]+):/.exec(messageOf(error)) ?? [];
    const fields = { peer: peerOf(socket), reason };
    if (errorCode(error) === "ECONNRESET") this.#log.debug(fields, "no TLS handshake");
    else
      this.#log.warn(fields, "no TLS handshake: a client without TLS, or one that refuses the certificate");
  }
}

/**
 * Opens the door of a TLS server. Null: the server has no TLS. @throws {TLS_INVALID} when a file is invalid
 */
export function openTlsListener({ tls }: Listening, log: Logger): TlsListener | null {
  return tls === null ? null : new TlsListener(tls, log);
}

function problemOf(socket: TLSSocket): string {
  if (Object.keys(socket.getPeerCertificate()).length === 0)
    return "this coordinator requires a client certificate, and this client has none";
  const code = String(socket.authorizationError);
  return (
    PROBLEMS[code] ??
    `the certificate of this client is not signed by a CA that this coordinator trusts (${code})`
  );
}

/** Returns the address and port of the peer, in the form of grpc-js. */
export function peerOf({ remoteAddress = "", remotePort = 0 }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}
