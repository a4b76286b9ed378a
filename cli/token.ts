import type { CommandModule } from "yargs";
import type { Token } from "../coordinator/access/tokens.ts";
import { ROLES, type Role } from "../shared/access/roles.ts";
import { ShardmillError } from "../shared/core/errors.ts";
import { jsonOption } from "../shared/terminal/command-parts.ts";
import { tokensFileOption } from "../shared/terminal/listening-options.ts";

const ACTIONS = ["create", "list", "revoke"] as const;

interface TokenArguments {
  readonly action: (typeof ACTIONS)[number];
  readonly id: string | undefined;
  readonly role: Role | undefined;
  readonly expires: string;
  readonly name: string;
  readonly certificate: string | undefined;
  readonly "tokens-file": string | undefined;
  readonly json: boolean;
}

export const tokenCommand: CommandModule<object, TokenArguments> = {
  command: "token <action> [id]",
  describe:
    "Create, list and revoke tokens and certificate names that authenticate to this user's coordinators",
  builder: (yargs) =>
    yargs
      .positional("action", { choices: ACTIONS, demandOption: true, describe: "What to do" })
      .positional("id", { type: "string", describe: "For revoke: the token's id, as list shows it" })
      .option("role", {
        choices: ROLES,
        requiresArg: true,
        describe:
          "For create: see jobs and results (read), also submit jobs (submit), only work (work), or everything (admin)",
      })
      .option("expires", {
        type: "string",
        requiresArg: true,
        default: "30d",
        describe: "For create: lifetime in days, hours or minutes (30d, 12h, 90m), or `never`",
      })
      .option("name", {
        type: "string",
        requiresArg: true,
        default: "unnamed",
        describe: "For create: name of the owner, for lists and logs",
      })
      .option("certificate", {
        type: "string",
        requiresArg: true,
        describe:
          "For create: name in a client certificate, in place of a token's text (DNS:*.gpu.example.com, URI:spiffe://..., CN:batch)",
      })
      .option("tokens-file", tokensFileOption)
      .option("json", jsonOption)
      .example("$0 token create --role work --name gpu-nodes", "Prints the token, which is not shown again")
      .example(
        "$0 token create --role work --certificate 'DNS:*.gpu.example.com'",
        "With --tls-client-ca: workers that show such a certificate need no token",
      )
      .example("$0 token revoke 1a2b3c4d", "Running coordinators refuse it within a second"),
  handler: (args) => act(args),
};

async function act(args: TokenArguments): Promise<void> {
  const { tokensPath } = await import("../shared/access/credential.ts");
  const path = tokensPath(args["tokens-file"]);
  switch (args.action) {
    case "create":
      return await create(path, args);
    case "list":
      return await list(path, args.json);
    case "revoke":
      return await revoke(path, args.id);
  }
}

async function create(path: string, args: TokenArguments): Promise<void> {
  const { role, name, expires, certificate, json } = args;
  const { grantOf, makeToken } = await import("../coordinator/access/tokens.ts");
  const { addTokenLine } = await import("../coordinator/access/tokens-file.ts");
  if (role === undefined)
    throw new ShardmillError("ARGUMENT_INVALID", `token create needs --role: ${ROLES.join(", ")}`);
  const nowMs = Date.now();
  const expiresAt = expiryOf(expires, nowMs);
  const named = { name, role, expiresAt };
  const createdAt = new Date(nowMs).toISOString();
  if (certificate !== undefined) {
    const { parseCertificateName } = await import("../shared/access/certificate-names.ts");
    const line = grantOf(parseCertificateName(certificate), named, createdAt);
    await addTokenLine(path, line);
    process.stdout.write(
      json ? `${JSON.stringify({ certificate, id: line.id, name, role, expiresAt })}\n` : `${line.id}\n`,
    );
    if (!json) process.stderr.write(`certificates of ${certificate} are for ${role}, ${until(expiresAt)}\n`);
    return;
  }
  const { text, line } = makeToken(named, createdAt);
  await addTokenLine(path, line);
  const { id } = line;
  process.stdout.write(
    json ? `${JSON.stringify({ token: text, id, name, role, expiresAt })}\n` : `${text}\n`,
  );
  if (!json) process.stderr.write(`token ${id} for ${role}, ${until(expiresAt)}; it is not shown again\n`);
}

async function list(path: string, json: boolean): Promise<void> {
  const { readTokens } = await import("../coordinator/access/tokens-file.ts");
  const { renderTable } = await import("../shared/terminal/table.ts");
  const { plainStyle } = await import("../shared/terminal/style.ts");
  const tokens = [...readTokens(path).values()];
  if (json) {
    const shown = tokens.map((token) => ({ ...token, sha256: undefined }));
    process.stdout.write(`${JSON.stringify(shown)}\n`);
    return;
  }
  if (tokens.length === 0) process.stdout.write("no tokens\n");
  else {
    const nowMs = Date.now();
    const rows = tokens.map((token) => {
      const shows = "certificate" in token ? token.certificate : "a token";
      return [token.id, token.name, token.role, shows, stateOf(token, nowMs)];
    });
    process.stdout.write(
      `${renderTable({ columns: ["id", "name", "role", "shows", "state"], rows }, plainStyle, { maxRows: rows.length })}\n`,
    );
  }
}

async function revoke(path: string, id: string | undefined): Promise<void> {
  const { addTokenLine, readTokens } = await import("../coordinator/access/tokens-file.ts");
  const token = readTokens(path).get(id ?? "");
  if (id === undefined || token === undefined) {
    const what = id === undefined ? "token revoke needs the id of a token" : `there is no token ${id}`;
    throw new ShardmillError("ARGUMENT_INVALID", what, {
      fields: { path },
      hint: "list the tokens: shardmill token list",
    });
  }
  if (token.revokedAt === null)
    await addTokenLine(path, { kind: "revoked", id, revokedAt: new Date().toISOString() });
  process.stdout.write(`token ${id} (${token.name}) is revoked\n`);
}

const UNIT_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000 };
/** Ten years. `never` is the option for more. */
const MOST_MS = 3_653 * 86_400_000;

function expiryOf(text: string, nowMs: number): string | null {
  if (text === "never") return null;
  const [, count = "", unit = ""] = /^(\d{1,7})([dhm])$/.exec(text) ?? [];
  const ms = Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  if (ms > 0 && ms <= MOST_MS) return new Date(nowMs + ms).toISOString();
  throw new ShardmillError(
    "ARGUMENT_INVALID",
    `--expires must be a time such as 30d, 12h or 90m, of ten years at most, or never, not ${text}`,
    { fields: { option: "expires", found: text } },
  );
}

function stateOf({ expiresAt, revokedAt }: Token, nowMs: number): string {
  if (revokedAt !== null) return `revoked at ${revokedAt}`;
  return expiresAt !== null && Date.parse(expiresAt) <= nowMs ? `expired at ${expiresAt}` : until(expiresAt);
}

function until(expiresAt: string | null): string {
  return expiresAt === null ? "never expires" : `expires at ${expiresAt}`;
}
