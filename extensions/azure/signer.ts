import { createHmac } from "node:crypto";
import type { HttpRequest } from "../../shared/http/messages.ts";
import { uriEncoded } from "../object-store/object-place.ts";
import type { AzureCredentials } from "./credentials.ts";

/** Request to Azure before it is authorized. */
export interface UnsignedRequest extends Omit<HttpRequest, "secretHeaders"> {
  readonly account: string;
  /** Query parameters, not encoded. */
  readonly query: Readonly<Record<string, string>>;
}

/** Newest API version that all servers know, emulators among them. It has all features in use. */
const VERSION = "2023-11-03";

/** Headers that Shared Key signs by their values alone, in this order. */
const SIGNED = [
  "content-encoding",
  "content-language",
  "content-length",
  "content-md5",
  "content-type",
  "date",
  "if-modified-since",
  "if-match",
  "if-none-match",
  "if-unmodified-since",
  "range",
];

/** Authorizes a request: by a Shared Key signature, a shared access signature, a token, or anonymously. */
export function authorized(
  request: UnsignedRequest,
  credentials: AzureCredentials,
  nowMs: number,
): HttpRequest {
  const { method, account, query, body } = request;
  const headers = {
    ...request.headers,
    "x-ms-date": new Date(nowMs).toUTCString(),
    "x-ms-version": VERSION,
  };
  const url = new URL(request.url);
  url.search = Object.entries(query)
    .map(([name, value]) => `${uriEncoded(name)}=${uriEncoded(value)}`)
    .join("&");
  const signed = { method, headers, url, ...(body === undefined ? {} : { body }) };
  switch (credentials.kind) {
    case "key": {
      const text = textToSign({ ...request, headers });
      const signature = createHmac("sha256", Buffer.from(credentials.key, "base64"))
        .update(text)
        .digest("base64");
      return { ...signed, secretHeaders: { authorization: `SharedKey ${account}:${signature}` } };
    }
    case "sas":
      url.search = url.search === "" ? credentials.sas : `${url.search}&${credentials.sas}`;
      return signed;
    case "token":
      return { ...signed, secretHeaders: { authorization: `Bearer ${credentials.token}` } };
    case "anonymous":
      return signed;
  }
}

/**
 * Builds the text to sign, by the format of version 2015-02-21 and later.
 * https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
 */
function textToSign({ method, url, account, query, headers, body }: UnsignedRequest): string {
  const length = body === undefined || body.bytes === 0 ? "" : String(body.bytes);
  const all: Readonly<Record<string, string>> = { ...headers, "content-length": length };
  const own = Object.keys(all)
    .filter((name) => name.startsWith("x-ms-"))
    .sort()
    .map((name) => `${name}:${all[name]}\n`);
  const parameters = Object.keys(query)
    .sort()
    .map((name) => `\n${name}:${query[name]}`);
  return [
    `${method}\n`,
    ...SIGNED.map((name) => `${all[name] ?? ""}\n`),
    ...own,
    `/${account}${url.pathname}`,
    ...parameters,
  ].join("");
}
