import { isIP, type Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { CallCredentials, ChannelCredentials, type experimental } from "@grpc/grpc-js";
import { identityProblem } from "../access/server-identity.ts";
import { type ClientTls, TlsFiles } from "../access/tls-files.ts";
import { type TlsTrouble, tlsTrouble } from "../access/tls-trouble.ts";
import { ShardmillError } from "../core/errors.ts";
import { parseAddress } from "./address.ts";

/** Hints for the user of a coordinator. */
const HINTS = {
  untrusted: "name the CA that signed it with --tls-ca. If that is this CA, another server may listen there",
  expired:
    "renew the file of the coordinator's --tls-cert, which is reloaded automatically, or set the clock here",
  early: "set the clock on this machine, or on the one that made the certificate",
  misnamed: "connect by one of its names, or have a certificate made for this one (subjectAltName)",
  unspoken:
    "start it with --tls-cert and --tls-key. Without --tls-ca here, secret and data would be unencrypted",
  ended: "check the certificates of both peers",
} as const satisfies Record<TlsTrouble["kind"], string>;

/**
 * Credentials of a channel, which read the TLS files for each connection. Those of grpc-js read them once,
 * and send an IP address as server name, of which Node warns on stderr.
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

  /** Reason why either peer refused the last connection. Null: it was not refused. */
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
    // A name lets a server with several certificates choose. An address must not be sent (RFC 6066).
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
        secured.once("close", () => reject(new Error("the connection was closed during the handshake")));
      });
      this.#refusal = null;
      return connected;
    } catch (error) {
      this.#refusal = tlsRefusal(this.#address, this.#ca, error);
      throw error;
    }
  }
}

/** Returns the TLS fault of a failed connection. Null: the network failed. */
function tlsRefusal(address: string, ca: string | null, error: unknown): ShardmillError | null {
  const trouble = tlsTrouble(error, ca);
  if (trouble === null) return null;
  return new ShardmillError("CERTIFICATE_REFUSED", `the coordinator at ${address} ${trouble.what}`, {
    fields: { address },
    hint: HINTS[trouble.kind],
    cause: error,
  });
}

/** Checks whether a server responds with TLS. It sends only a handshake. */
export function speaksTls(address: string, waitMs: number): Promise<boolean> {
  const { host, port } = parseAddress(address, "connect");
  return new Promise((resolve) => {
    // No certificate check, because no data is sent.
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
