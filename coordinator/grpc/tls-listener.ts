import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import { type ConnectionInjector, type Server, ServerCredentials } from "@grpc/grpc-js";
import { type ServerTls, TlsFiles } from "../../shared/access/tls-files.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import type { Address } from "../../shared/wire/address.ts";

/** A client that connects and says nothing is cut off; one that is far away needs four round trips. */
const HANDSHAKE_MS = 20_000;

/** Of the certificate that a client shows, by OpenSSL's code for it. */
const PROBLEMS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the certificate of this client has expired",
  CERT_NOT_YET_VALID: "the certificate of this client is not valid yet",
  INVALID_PURPOSE: "the certificate of this client is for other uses (extendedKeyUsage lacks clientAuth)",
};

/**
 * Takes connections by TLS for a gRPC server. Of mutual TLS it does not end the handshake of a client whose
 * certificate is wrong: Node would close the connection without a word. The guard refuses that client's calls
 * instead, and says why, before anything of them is read.
 */
export class TlsListener {
  readonly #files: TlsFiles;
  readonly #wantsCertificates: boolean;
  readonly #log: Logger;
  readonly #problems = new Map<string, string>();
  #server: TlsServer | null = null;

  /** @throws {TLS_INVALID} when a file cannot be used */
  constructor({ own, clientCa }: ServerTls, log: Logger) {
    this.#files = new TlsFiles(clientCa, own);
    this.#wantsCertificates = clientCa !== null;
    this.#log = log;
  }

  /** Why the calls of a client are refused, by its address and port; null when they are not. */
  refusalOf(peer: string): ShardmillError | null {
    const problem = this.#problems.get(peer);
    return problem === undefined
      ? null
      : new ShardmillError("CERTIFICATE_REFUSED", problem, {
          hint: "show one that a CA of this coordinator's --tls-client-ca has signed: --tls-cert and --tls-key",
        });
  }

  /** Listens, and gives the real port. @throws what the system says */
  async listen(server: Server, { host, port }: Address): Promise<number> {
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    const files = this.#files.latest();
    const listener = createServer({
      ...files,
      requestCert: this.#wantsCertificates,
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
      handshakeTimeout: HANDSHAKE_MS,
    });
    this.#server = listener;
    let inUse = files;
    listener.prependListener("connection", () => {
      const latest = this.#files.latest((error) => this.#log.warn(error, "certificates stay as they were"));
      if (latest === inUse) return;
      inUse = latest;
      listener.setSecureContext(latest);
      this.#log.info("certificates were read again");
    });
    listener.on("secureConnection", (socket) => this.#take(socket, injector));
    listener.on("tlsClientError", (error, socket) => this.#tell(error, socket));
    await new Promise<void>((resolve, reject) => {
      listener.once("error", reject);
      listener.listen(port, host, resolve);
    });
    return (listener.address() as AddressInfo).port;
  }

  /** Takes no more connections; the gRPC server closes those that are open. */
  close(): void {
    this.#server?.close();
  }

  #take(socket: TLSSocket, injector: ConnectionInjector): void {
    const problem = this.#wantsCertificates && !socket.authorized ? problemOf(socket) : null;
    if (problem !== null) {
      const peer = peerOf(socket);
      this.#problems.set(peer, problem);
      socket.once("close", () => this.#problems.delete(peer));
      this.#log.warn({ peer, problem }, "client refused");
    }
    socket.on("error", (error) => this.#log.debug(error, "connection failed"));
    injector.injectConnection(socket);
  }

  /** Who only looks whether the port is open, or does not like our certificate, hangs up: that is no news. */
  #tell(error: Error, socket: TLSSocket): void {
    const [, reason = messageOf(error)] = /SSL routines:[^:]*:([^:]+):/.exec(messageOf(error)) ?? [];
    const told = { peer: peerOf(socket), reason };
    if (errorCode(error) === "ECONNRESET") this.#log.debug(told, "no TLS handshake");
    else this.#log.warn(told, "no TLS handshake: a client without TLS, or one that refuses the certificate");
  }
}

function problemOf(socket: TLSSocket): string {
  if (Object.keys(socket.getPeerCertificate()).length === 0)
    return "this coordinator wants a client certificate, and this client shows none";
  const code = String(socket.authorizationError);
  return PROBLEMS[code] ?? `the certificate of this client is signed by no CA that is known here (${code})`;
}

/** As grpc-js names it. */
function peerOf({ remoteAddress = "", remotePort = 0 }: TLSSocket): string {
  return `${remoteAddress}:${remotePort}`;
}
