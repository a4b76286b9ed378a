import { isIP, type Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { CallCredentials, ChannelCredentials, type experimental } from "@grpc/grpc-js";
import { identityProblem } from "../access/server-identity.ts";
import { type ClientTls, TlsFiles } from "../access/tls-files.ts";
import { type TlsTrouble, tlsTrouble } from "../access/tls-trouble.ts";
import { ShardmillError } from "../core/errors.ts";
import { parseAddress } from "./address.ts";

/** What helps the user of a coordinator. */
const HINTS = {
  untrusted:
    "name the CA that signed it with --tls-ca; if it is that one, somebody else may be listening there",
  expired: "renew the file behind its --tls-cert, which is read again by itself, or set the clock here",
  early: "set the clock on this machine, or on the one that made the certificate",
  misnamed: "connect by one of its names, or have a certificate made for this one (subjectAltName)",
  unspoken:
    "start it with --tls-cert and --tls-key; without --tls-ca here, secret and data would be in the clear",
  ended: "check the certificates of both sides",
} as const satisfies Record<TlsTrouble["kind"], string>;

/**
 * What a channel connects by, with the files as they are at that moment. Those of grpc-js read theirs once,
 * and name the server by its IP address, of which Node warns on stderr.
 */
export class TlsChannel extends ChannelCredentials {
  readonly #address: string;
  readonly #ca: string | null;
  readonly #files: TlsFiles;
  #refusal: ShardmillError | null = null;

  /** @throws {TLS_INVALID} as {@link TlsFiles} */
  constructor(address: string, { ca, own }: ClientTls) {
    super();
    this.#address = address;
    this.#ca = ca;
    this.#files = new TlsFiles(ca, own);
  }

  /** Why the last connection was refused, by either side; null when it was not. */
  get refusal(): ShardmillError | null {
    return this.#refusal;
  }

  _isSecure(): boolean {
    return true;
  }

  _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  _createSecureConnector(
    _target: unknown,
    _options: unknown,
    callCredentials: CallCredentials = CallCredentials.createEmpty(),
  ): experimental.SecureConnector {
    return {
      connect: async (socket) => ({ socket: await this.#connect(socket), secure: true }),
      waitForReady: async () => {},
      getCallCredentials: () => callCredentials,
      destroy() {},
    };
  }

  async #connect(socket: Socket): Promise<TLSSocket> {
    const { host } = parseAddress(this.#address, "connect");
    // A name is sent so that a server with several certificates can choose; an address may not be (RFC 6066).
    const names = isIP(host) === 0 ? { host, servername: host } : { host };
    try {
      const connected = await new Promise<TLSSocket>((resolve, reject) => {
        const files = this.#files.latest();
        const secured = connect(
          {
            ...files,
            ...names,
            socket,
            ALPNProtocols: ["h2"],
            checkServerIdentity: (_name, certificate) => identityProblem(host, certificate),
          },
          () => resolve(secured),
        );
        secured.once("error", reject);
        secured.once("close", () => reject(new Error("the connection was closed as it was made")));
      });
      this.#refusal = null;
      return connected;
    } catch (error) {
      this.#refusal = tlsRefusal(this.#address, this.#ca, error);
      throw error;
    }
  }
}

/** Why a connection by TLS was not made; null where the network is the reason, not TLS. */
function tlsRefusal(address: string, ca: string | null, error: unknown): ShardmillError | null {
  const trouble = tlsTrouble(error, ca);
  if (trouble === null) return null;
  return new ShardmillError("CERTIFICATE_REFUSED", `the coordinator at ${address} ${trouble.what}`, {
    fields: { address },
    hint: HINTS[trouble.kind],
    cause: error,
  });
}

/** Whether a server at `host:port` answers in TLS. Nothing is sent to it but a greeting. */
export function speaksTls(address: string, waitMs: number): Promise<boolean> {
  const { host, port } = parseAddress(address, "connect");
  return new Promise((resolve) => {
    // Whose certificate it has is of no interest: nothing is told to whoever it is.
    const socket = connect({ host, port, ALPNProtocols: ["h2"], rejectUnauthorized: false });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(waitMs, () => end(false));
    socket.once("secureConnect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("close", () => end(false));
  });
}
