import { request as requestClear } from "node:http";
import { request as requestTls } from "node:https";
import { text } from "node:stream/consumers";
import type { Credential } from "../access/credential.ts";
import { TlsFiles } from "../access/tls-files.ts";
import { errorCode } from "../core/errno.ts";
import { messageOf, ShardmillError } from "../core/errors.ts";
import { jsonObject } from "../core/json-object.ts";
import { type Address, formatAddress } from "../wire/address.ts";

const PATIENCE_MS = 10_000;

/**
 * Sends a request to a coordinator's HTTP server with a credential.
 *
 * @returns the origin, `https://host:port`, and the JSON response
 * @throws {COORDINATOR_UNREACHABLE} when no server responds
 * @throws {RPC_FAILED} when the server refuses
 */
export async function postAs(
  credential: Credential,
  { host, port }: Address,
  path: string,
): Promise<{ readonly origin: string; readonly answer: Readonly<Record<string, unknown>> }> {
  const { secret, tls } = credential;
  const address = formatAddress({ host, port });
  const origin = `${tls === undefined ? "http" : "https"}://${address}`;
  const options = {
    host,
    port,
    path,
    method: "POST",
    // A connection of its own, with the current TLS files.
    agent: false,
    timeout: PATIENCE_MS,
    headers: secret === null ? {} : { authorization: `Bearer ${secret}` },
    ...(tls === undefined ? {} : new TlsFiles(tls.ca, tls.own).latest()),
  };
  const { status, body } = await new Promise<{ status: number; body: string }>((resolve, reject) => {
    const request = (tls === undefined ? requestClear : requestTls)(options, (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    request.on("timeout", () => request.destroy(new Error(`no answer within ${PATIENCE_MS / 1_000} s`)));
    request.on("error", reject);
    request.end();
  }).catch((error: unknown) => {
    throw unreachable(address, error, tls !== undefined);
  });
  const answer = jsonObject(body);
  if (status === 200 && answer !== null) return { origin, answer };
  const said = answer?.error;
  const why =
    typeof said === "object" && said !== null && "message" in said
      ? String(said.message)
      : `status ${status}`;
  throw new ShardmillError("RPC_FAILED", `${origin} refused: ${why}`, { fields: { address, status } });
}

/** Makes the error for a failed connection. Its hint covers peers of which only one uses TLS. */
function unreachable(address: string, error: unknown, usesTls: boolean): ShardmillError {
  const what = `nothing serves HTTP${usesTls ? " by TLS" : ""} at ${address}`;
  const facts = { fields: { address }, cause: error };
  if (!usesTls && errorCode(error) === "ECONNRESET")
    return new ShardmillError(
      "COORDINATOR_UNREACHABLE",
      `${address} serves TLS, or no HTTP: ${messageOf(error)}`,
      {
        ...facts,
        hint: "add --tls-ca FILE, the CA of the coordinator's certificate",
      },
    );
  if (usesTls && errorCode(error) === "EPROTO")
    return new ShardmillError("COORDINATOR_UNREACHABLE", `${what}: ${messageOf(error).split("\n", 1)[0]}`, {
      ...facts,
      hint: "remove --tls-ca if the coordinator uses no TLS",
    });
  return new ShardmillError("COORDINATOR_UNREACHABLE", `${what}: ${messageOf(error)}`, {
    ...facts,
    hint: "start the coordinator with --http, and name its address with --http",
  });
}
