import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import type { HttpRequest } from "../../shared/http/messages.ts";
import { uriEncoded } from "../object-store/object-place.ts";
import type { AwsCredentials } from "./credentials.ts";

/** Hash of zero bytes, for requests without a body. */
export const EMPTY_SHA256 = createHash("sha256").digest("hex");

/**
 * Headers that gateways before a store rewrite, Google's among them. The library excludes some others itself.
 */
const REWRITTEN_HEADERS = new Set(["accept-encoding"]);

/** Request before it is signed. The path of the URL is encoded, the query is not. */
export interface UnsignedRequest extends Omit<HttpRequest, "secretHeaders"> {
  readonly query: Readonly<Record<string, string>>;
  /** Hash of the body, in hex. */
  readonly sha256: string;
}

/** Credentials and region of a signature. */
interface Signature {
  readonly credentials: AwsCredentials;
  readonly region: string;
}

/** Returns the request for anonymous access. */
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

/** Signs requests by AWS Signature Version 4, with the AWS library. */
export class AwsSigner {
  readonly #service: string;
  #clockOffsetMs = 0;

  /** @param service `s3`, or another AWS service whose requests go to the root path alone */
  constructor(service: string) {
    this.#service = service;
  }

  /** @param storeMs the store's clock when it refused the date of a signature */
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
    // S3 keys are encoded once, unlike the paths of all other services.
    uriEscapePath: false,
    applyChecksum: false,
  });
}

/** Node's hashes, in the form that the AWS library expects. */
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
