import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import type { HttpRequest } from "../../shared/http/messages.ts";
import { uriEncoded } from "../object-store/object-place.ts";
import type { AwsCredentials } from "./credentials.ts";

/** Of no bytes: what a request without a body is signed with. */
export const EMPTY_SHA256 = createHash("sha256").digest("hex");

/** Gateways on the way to a store, Google's among them, write them anew; the library leaves out others. */
const REWRITTEN_HEADERS = new Set(["accept-encoding"]);

/** A request before it is signed; the path of its address is encoded, the query is not. */
export interface UnsignedRequest extends Omit<HttpRequest, "secretHeaders"> {
  readonly query: Readonly<Record<string, string>>;
  /** In hex, of the body. */
  readonly sha256: string;
}

/** With what a request is signed. */
interface Signature {
  readonly credentials: AwsCredentials;
  readonly region: string;
}

/** A request as nobody's. */
export function withoutSignature({ method, url, query, headers, body }: UnsignedRequest): HttpRequest {
  return { method, url: withQuery(url, query), headers, ...(body === undefined ? {} : { body }) };
}

function withQuery(url: URL, query: UnsignedRequest["query"]): URL {
  const target = new URL(url);
  target.search = Object.entries(query)
    .map(([name, value]) => `${uriEncoded(name)}=${uriEncoded(value)}`)
    .join("&");
  return target;
}

/** Signs requests by AWS's Signature Version 4, with the vendor's library. */
export class AwsSigner {
  readonly #service: string;
  #clockOffsetMs = 0;

  /** @param service of AWS: `s3`; of others, for requests to the root alone */
  constructor(service: string) {
    this.#service = service;
  }

  /** @param storeMs what the store's clock said when it refused a signature for its date */
  correctClock(storeMs: number): void {
    this.#clockOffsetMs = storeMs - Date.now();
  }

  async sign(request: UnsignedRequest, signature: Signature): Promise<HttpRequest> {
    const { method, url, query, sha256, body } = request;
    const headers = { ...request.headers, host: url.host, "x-amz-content-sha256": sha256 };
    const { protocol, hostname, pathname: path } = url;
    const signer = signerWith(this.#service, signature);
    const signed = await signer.sign(
      { method, protocol, hostname, path, query: { ...query }, headers },
      { signingDate: new Date(Date.now() + this.#clockOffsetMs), unsignableHeaders: REWRITTEN_HEADERS },
    );
    const { authorization = "", "x-amz-security-token": token, ...others } = signed.headers;
    return {
      method,
      url: withQuery(url, query),
      headers: others,
      secretHeaders: { authorization, ...(token === undefined ? {} : { "x-amz-security-token": token }) },
      ...(body === undefined ? {} : { body }),
    };
  }
}

function signerWith(service: string, { credentials, region }: Signature): SignatureV4 {
  return new SignatureV4({
    service,
    region,
    credentials,
    sha256: NodeSha256,
    // Keys are encoded once, unlike the paths of all other services.
    uriEscapePath: false,
    applyChecksum: false,
  });
}

/** Node's own, as the library wants it. */
class NodeSha256 {
  readonly #make: () => Hash | Hmac;
  #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#make = () => (secret === undefined ? createHash("sha256") : createHmac("sha256", bytesOf(secret)));
    this.#hash = this.#make();
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return new Uint8Array(this.#hash.digest());
  }

  reset(): void {
    this.#hash = this.#make();
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === "string") return Buffer.from(data, "utf8");
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
