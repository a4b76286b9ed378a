import { isIP, type Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { CallCredentials, ChannelCredentials, type experimental } from "@grpc/grpc-js";
import { identityProblem } from "../access/server-identity.ts";
import { type ClientTls, TlsFiles } from "../access/tls-files.ts";
import type { ShardmillError } from "../core/errors.ts";
import { parseAddress } from "./address.ts";
import { tlsRefusal } from "./tls-refusal.ts";

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
      this.#refusal = tlsRefusal({ address: this.#address, host, ca: this.#ca }, error);
      throw error;
    }
  }
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
