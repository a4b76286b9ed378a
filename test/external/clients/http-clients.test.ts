import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CertificateFiles } from "../../../shared/access/tls-files.ts";
import { TestCa } from "../../support/certificates.ts";
import { needs } from "../../support/needs.ts";
import { runCli, startCli } from "../../support/processes.ts";

/** Answers of a coordinator's HTTP server that refuses curl: `npm run clients`. */

const CURL = ["--silent", "--show-error", "--max-time", "10", "--write-out", " %{http_code}"];

interface Served extends AsyncDisposable {
  readonly url: string;
  readonly audit: () => Promise<readonly (readonly [string, string, string])[]>;
}

let files: string;
let ca: TestCa;
let other: TestCa;
let tokens: string;
let plain: Served;
let mutual: Served;

beforeAll(async () => {
  files = await mkdtemp(join(tmpdir(), "shardmill-http-clients-"));
  [ca, other] = await Promise.all([TestCa.make(files), TestCa.make(files, "other")]);
  await ca.sign({ name: "server" });
  tokens = join(files, "tokens");
  [plain, mutual] = await Promise.all([serve("plain"), serve("mutual", "--tls-client-ca", ca.path)]);
});

afterAll(async () => {
  await Promise.all([plain, mutual].map((served) => served?.[Symbol.asyncDispose]()));
  await rm(files, { recursive: true, force: true });
});

async function serve(name: string, ...more: readonly string[]): Promise<Served> {
  const log = join(files, `${name}.audit`);
  const [cert, key] = [join(files, "server.crt"), join(files, "server.key")];
  const shown = ["--tls-cert", cert, "--tls-key", key, "--tokens-file", tokens, "--audit-log", log];
  const args = ["coordinator", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", ...shown, ...more];
  const cli = startCli(args, { limitMs: 300_000 });
  const [, url = ""] = await cli.saw(/HTTP on (https:\S+)/);
  return {
    url,
    async audit() {
      const lines = (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
      return lines.map((line) => {
        const { event, method, code } = JSON.parse(line);
        return [event, method, code] as const;
      });
    },
    [Symbol.asyncDispose]: () => cli[Symbol.asyncDispose](),
  };
}

function curl(...args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  return new Promise((resolve) => {
    execFile("curl", [...CURL, ...args], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), text: stdout + stderr }),
    );
  });
}

async function makeToken(role: string): Promise<{ readonly token: string; readonly id: string }> {
  const made = await runCli(["token", "create", "--tokens-file", tokens, "--json", "--role", role]);
  return JSON.parse(made.stdout) as { token: string; id: string };
}

const known = (): string[] => ["--cacert", ca.path];
const bears = (token: string): string[] => ["-H", `authorization: Bearer ${token}`];
const shows = ({ cert, key }: CertificateFiles): string[] => ["--cert", cert, "--key", key];
/** Waits until the coordinator has read the tokens file again. */
const untilKnown = () => new Promise((resolve) => setTimeout(resolve, 1_100));

test("curl cannot reach the coordinator with an unknown CA, a wrong name, an old TLS version or no TLS", async () => {
  const { port } = new URL(plain.url);
  const elsewhere = [
    "--resolve",
    `elsewhere.example:${port}:127.0.0.1`,
    `https://elsewhere.example:${port}/healthz`,
  ];
  expect((await curl("--cacert", other.path, `${plain.url}/healthz`)).code).toBe(60);
  expect((await curl(...known(), ...elsewhere)).code).toBe(60);
  expect((await curl(...known(), "--tls-max", "1.1", `${plain.url}/healthz`)).code).toBe(35);
  expect((await curl(plain.url.replace("https:", "http:"))).code).not.toBe(0);
  expect((await curl(...known(), `${plain.url}/healthz`)).text).toBe("ok\n 200");
});

test.each([
  ["has expired", { fromDays: -9, toDays: -1 }, /expired/],
  ["is not valid yet", { fromDays: 1, toDays: 9 }, /not yet valid/],
])(
  "curl rejects a certificate that %s once the file is replaced, and accepts a valid one again",
  async (_what, days, text) => {
    await ca.sign({ name: "server", ...days });
    expect(await curl(...known(), `${plain.url}/healthz`)).toMatchObject({
      code: 60,
      text: expect.stringMatching(text),
    });
    await ca.sign({ name: "server" });
    expect(await curl(...known(), `${plain.url}/healthz`)).toMatchObject({ code: 0 });
  },
);

test("a coordinator with mutual TLS refuses a wrong client certificate and names its fault", async () => {
  const { token } = await makeToken("admin");
  await untilKnown();
  const cases: [what: string, args: readonly string[]][] = [
    ["has none", []],
    ["not signed by a CA that this coordinator trusts", shows(await other.sign({ name: "stranger" }))],
    ["has expired", shows(await ca.sign({ name: "old", fromDays: -9, toDays: -1 }))],
    ["is not valid yet", shows(await ca.sign({ name: "early", fromDays: 1, toDays: 9 }))],
  ];
  for (const [what, args] of cases) {
    const { text } = await curl(...known(), ...args, ...bears(token), `${mutual.url}/session`);
    expect([what, text]).toEqual([what, expect.stringMatching(/"code":"CERTIFICATE_REFUSED"[\s\S]* 401$/)]);
    expect(text).toContain(what);
  }
  const client = shows(await ca.sign({ name: "client" }));
  expect((await curl(...known(), ...client, ...bears(token), `${mutual.url}/session`)).text).toMatch(/ 200$/);
  expect(await mutual.audit()).toEqual(cases.map(() => ["refused", "GET /session", "CERTIFICATE_REFUSED"]));
});

needs("web")(
  "a coordinator refuses a wrong token, names its fault, and writes it to the audit log",
  async () => {
    const [revoked, worker] = [await makeToken("admin"), await makeToken("work")];
    await runCli(["token", "revoke", revoked.id, "--tokens-file", tokens]);
    await untilKnown();
    const session = `${plain.url}/session`;
    const cases: [args: readonly string[], code: string, status: number][] = [
      [[session], "SECRET_REFUSED", 401],
      [[...bears("x".repeat(43)), session], "SECRET_REFUSED", 401],
      [[...bears(revoked.token), session], "TOKEN_REFUSED", 401],
      [[...bears(worker.token), `${plain.url}/metrics`], "ROLE_REFUSED", 403],
      [["-b", `shardmill_${new URL(session).port}=e30.AAAA`, session], "SECRET_REFUSED", 401],
    ];
    const before = (await plain.audit()).length;
    for (const [args, code, status] of cases) {
      const { text } = await curl(...known(), ...args);
      expect(text).toMatch(new RegExp(`"code":"${code}"[\\s\\S]* ${status}$`));
    }
    expect((await plain.audit()).slice(before).map(([event, , code]) => [event, code])).toEqual(
      cases.map(([, code]) => ["refused", code]),
    );
    expect((await curl(...known(), ...bears(worker.token), session)).text).toContain('"role":"work"');
  },
);

test("curl has the role of its certificate, and cannot log in without the page's header", async () => {
  const named = ["--certificate", "DNS:a.admin.example", "--role", "admin", "--name", "desk", "--json"];
  await runCli(["token", "create", "--tokens-file", tokens, ...named]);
  const [desk, unnamed] = [
    shows(await ca.sign({ name: "desk", host: "a.admin.example" })),
    shows(await ca.sign({ name: "unnamed", host: "b.admin.example" })),
  ];
  await untilKnown();
  const session = `${mutual.url}/session`;
  const ask = async (...args: readonly string[]) => (await curl(...known(), ...args)).text;
  expect(await ask(...desk, session)).toMatch(/certificate [0-9a-f]{8} \(desk\).*"role":"admin".* 200$/s);
  expect(await ask(...unnamed, session)).toMatch(/"code":"SECRET_REFUSED"[\s\S]* 401$/);
  // A browser presents its certificate whichever page sends the request, so the header is required.
  const login = ["-X", "POST", `${session}/login`];
  expect(await ask(...desk, ...login)).toMatch(/does not come from the coordinator's page[\s\S]* 401$/);
  expect(await ask(...desk, "-H", "x-shardmill-page: 1", ...login)).toMatch(/ 200$/);
});
