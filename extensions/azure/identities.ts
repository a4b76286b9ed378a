import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import * as z from "zod";
import { NEVER } from "../../shared/core/abort.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { messageOf } from "../../shared/core/errors.ts";
import { failed } from "../../shared/http/failures.ts";
import { HttpEngine } from "../../shared/http/http-engine.ts";
import type { Answer } from "../../shared/http/messages.ts";
import { bodyOf } from "../object-store/bodies.ts";
import type { CredentialProvider } from "../object-store/credential-cache.ts";
import { jsonReader } from "../object-store/json-reader.ts";
import { type AzureCredentials, noCredentials } from "./credentials.ts";
import type { Environment } from "./settings.ts";

const RESOURCE = "https://storage.azure.com/";
/** Timeout of the metadata service. On Azure it answers within milliseconds, and elsewhere never. */
const METADATA_WAIT_MS = 2_000;
const CLI_WAIT_MS = 20_000;
const TOKEN_PATH = "Azure's login";

/** Seconds as a number or as text, relative or since 1970. */
const seconds = z.coerce.number().positive();
const TOKEN = z.object({
  access_token: z.string().min(1),
  expires_in: seconds.optional(),
  expires_on: seconds.optional(),
});
const CLI_TOKEN = z.object({ accessToken: z.string().min(1), expires_on: seconds });

type Token = z.output<typeof TOKEN>;

/**
 * Provides tokens of the identity that the environment names: a workload identity or a service principal. The
 * machine's identity follows, then the user of `az login`.
 *
 * @param env read for each token, because the files that it names may change
 */
export function provideTokens(env: Environment): CredentialProvider<AzureCredentials> {
  return async () => {
    try {
      const { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: client } = env;
      if (tenant && client && env.AZURE_FEDERATED_TOKEN_FILE)
        return await workloadIdentity(env, tenant, client, env.AZURE_FEDERATED_TOKEN_FILE);
      if (tenant && client && env.AZURE_CLIENT_SECRET)
        return await servicePrincipal(env, tenant, client, env.AZURE_CLIENT_SECRET);
      return await ofThisMachine(env);
    } catch (cause) {
      throw noCredentials(cause);
    }
  };
}

async function workloadIdentity(
  env: Environment,
  tenant: string,
  client: string,
  file: string,
): Promise<AzureCredentials> {
  // The file is renewed every hour.
  const assertion = (await readFile(file, "utf8")).trim();
  const token = await login(env, tenant, {
    client_id: client,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: assertion,
  });
  return credentialsOf(token, `client ${client} with workload identity`);
}

async function servicePrincipal(
  env: Environment,
  tenant: string,
  client: string,
  secret: string,
): Promise<AzureCredentials> {
  const token = await login(env, tenant, { client_id: client, client_secret: secret });
  return credentialsOf(token, `client ${client} with its secret`);
}

async function login(
  env: Environment,
  tenant: string,
  said: Readonly<Record<string, string>>,
): Promise<Token> {
  const host = env.AZURE_AUTHORITY_HOST || "https://login.microsoftonline.com";
  const url = new URL(`${host.replace(/\/$/, "")}/${encodeURIComponent(tenant)}/oauth2/v2.0/token`);
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    scope: `${RESOURCE}.default`,
    ...said,
  });
  using engine = new HttpEngine();
  return await engine.call<Token>(
    {
      path: TOKEN_PATH,
      request: () => ({
        method: "POST",
        url,
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: bodyOf(Buffer.from(form.toString(), "utf8")),
      }),
      open: ({ status }) => (status === 200 ? jsonReader(TOKEN_PATH, TOKEN, (token) => token) : null),
      judge: refusedLogin,
    },
    NEVER,
  );
}

/**
 * Returns an error with Azure's text, such as `AADSTS700016: Application with identifier ... was not found`.
 * The text has no secret.
 */
function refusedLogin({ status, body }: Answer): Error {
  const [said] = /AADSTS\d+:[^\r\n"\\]{0,300}/.exec(Buffer.from(body).toString("utf8")) ?? [];
  return failed("STORE_REFUSED", TOKEN_PATH, `answers ${status}${said === undefined ? "" : `: ${said}`}`);
}

async function ofThisMachine(env: Environment): Promise<AzureCredentials> {
  const client = env.AZURE_CLIENT_ID || null;
  const named = client === null ? "the managed identity of this machine" : `the managed identity ${client}`;
  try {
    return credentialsOf(await managedIdentity(env, client), named);
  } catch (noIdentity) {
    try {
      return await ofCli();
    } catch (noLogin) {
      throw new Error(
        `no managed identity (${messageOf(noIdentity)}), and no \`az login\` (${messageOf(noLogin)})`,
      );
    }
  }
}

/** Requests a token from the container or function service, else from the machine's metadata service. */
async function managedIdentity(env: Environment, client: string | null): Promise<Token> {
  const { IDENTITY_ENDPOINT: service, IDENTITY_HEADER: secret } = env;
  const isService = Boolean(service) && Boolean(secret);
  const host = env.AZURE_POD_IDENTITY_AUTHORITY_HOST || "http://169.254.169.254";
  const url = new URL(
    isService ? (service ?? "") : `${host.replace(/\/$/, "")}/metadata/identity/oauth2/token`,
  );
  url.searchParams.set("api-version", isService ? "2019-08-01" : "2018-02-01");
  url.searchParams.set("resource", RESOURCE);
  if (client !== null) url.searchParams.set("client_id", client);
  // The service is local: a proxy would misroute the request, and a redirect could leak the header.
  const answer = await fetch(url, {
    headers: isService ? { "x-identity-header": secret ?? "" } : { metadata: "true" },
    redirect: "error",
    signal: AbortSignal.timeout(METADATA_WAIT_MS),
  });
  if (!answer.ok) throw new Error(`it answered ${answer.status}`);
  return tokenIn(await answer.text(), TOKEN);
}

async function ofCli(): Promise<AzureCredentials> {
  const args = ["account", "get-access-token", "--output", "json", "--resource", RESOURCE];
  const { stdout } = await promisify(execFile)("az", args, { timeout: CLI_WAIT_MS });
  const { accessToken, expires_on } = tokenIn(stdout, CLI_TOKEN);
  return credentialsOf({ access_token: accessToken, expires_on }, "the user of `az login`");
}

/** Parses a token. An invalid answer is not shown, because it may hold parts of a token. */
function tokenIn<T>(text: string, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new Error("the response has no token");
  }
}

function credentialsOf({ access_token, expires_on, expires_in }: Token, identity: string): AzureCredentials {
  const endMs =
    expires_on !== undefined ? expires_on * 1_000 : systemClock.wallMs() + (expires_in ?? 300) * 1_000;
  return { kind: "token", token: access_token, identity, expiration: new Date(endMs) };
}
