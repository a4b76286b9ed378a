import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CertificateFiles } from "../../../shared/access/tls-files.ts";
import { TestCa } from "../../support/certificates.ts";
import { runCli, startCli } from "../../support/processes.ts";

/** Answers of a coordinator that refuses third-party clients: `npm run clients`. */

const folder = process.env.SHARDMILL_FOREIGN ?? "";
const LIMIT_MS = 20_000;
/** Time after which a coordinator has read the tokens file again. */
const KNOWN_MS = 1_100;

interface Said {
  readonly code: number;
  readonly text: string;
}

interface Served extends AsyncDisposable {
  readonly address: string;
  readonly audit: () => Promise<Record<string, string>[]>;
}

let files: string;
let ca: TestCa;
let other: TestCa;
let own: CertificateFiles;
let client: CertificateFiles;
let tokens: string;
let plain: Served;
let mutual: Served;

beforeAll(async () => {
  files = await mkdtemp(join(tmpdir(), "shardmill-tls-clients-"));
  ca = await TestCa.make(files);
  other = await TestCa.make(files, "other");
  own = await ca.sign({ name: "server" });
  client = await ca.sign({ name: "client" });
  tokens = join(files, "tokens");
  plain = await serve("plain");
  mutual = await serve("mutual", "--tls-client-ca", ca.path);
});

afterAll(async () => {
  await plain?.[Symbol.asyncDispose]();
  await mutual?.[Symbol.asyncDispose]();
  await rm(files, { recursive: true, force: true });
});

async function serve(name: string, ...more: readonly string[]): Promise<Served> {
  const log = join(files, `${name}.audit`);
  const shown = ["--tls-cert", own.cert, "--tls-key", own.key, "--tokens-file", tokens, "--audit-log", log];
  const args = ["coordinator", "--listen", "127.0.0.1:0", ...shown, ...more];
  const cli = startCli(args, { limitMs: 300_000 });
  const [, address = ""] = await cli.saw(/coordinator on ([\d.]+:\d+)/);
  const audit = async () => {
    const lines = (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as Record<string, string>);
  };
  return { address, audit, [Symbol.asyncDispose]: () => cli[Symbol.asyncDispose]() };
}

function run(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<Said> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, timeout: LIMIT_MS };
    const child = execFile(program, [...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), text: stdout + stderr }),
    );
    child.stdin?.end();
  });
}

/** Makes one call by grpcurl with the proto files, so that no other call is made, optionally with a token. */
function grpcurl(to: Served, args: readonly string[], method: string, token = ""): Promise<Said> {
  const protos = ["-import-path", "proto", "-proto", "shardmill/v1/jobs.proto"];
  const bears = token === "" ? [] : ["-expand-headers", "-H", "authorization: Bearer ${TOKEN}"];
  const call = [...protos, ...args, ...bears, to.address, `shardmill.v1.JobsService/${method}`];
  return run(join(folder, "grpcurl"), call, { TOKEN: token });
}

function openssl(to: Served, ...args: readonly string[]): Promise<Said> {
  return run("openssl", ["s_client", "-connect", to.address, "-alpn", "h2", "-brief", ...args]);
}

async function makeToken(
  ...args: readonly string[]
): Promise<{ readonly token: string; readonly id: string }> {
  const made = await runCli(["token", "create", "--tokens-file", tokens, "--json", ...args]);
  return JSON.parse(made.stdout) as { token: string; id: string };
}

const known = (): string[] => ["-cacert", ca.path];
const shows = ({ cert, key }: CertificateFiles): string[] => ["-cert", cert, "-key", key];
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("openssl", () => {
  test("verifies the coordinator only with its own CA and name", async () => {
    const verify = ["-verify_return_error", "-verify_ip", "127.0.0.1"];
    expect(await openssl(plain, "-CAfile", ca.path, ...verify)).toMatchObject({
      code: 0,
      text: expect.stringContaining("Verification: OK"),
    });
    expect(await openssl(plain, "-CAfile", other.path, ...verify)).toMatchObject({
      code: 1,
      text: expect.stringMatching(/unable to (get local issuer|verify the first) certificate/),
    });
    const elsewhere = ["-verify_return_error", "-verify_hostname", "elsewhere.example"];
    expect(await openssl(plain, "-CAfile", ca.path, ...elsewhere)).toMatchObject({
      code: 1,
      text: expect.stringMatching(/hostname mismatch/i),
    });
  });

  test.each(["-tls1", "-tls1_1"])("is refused with %s", async (version) => {
    const old = await openssl(plain, version, "-cipher", "DEFAULT@SECLEVEL=0", "-CAfile", ca.path);
    expect(old).toMatchObject({ code: 1, text: expect.stringMatching(/alert protocol version/) });
  });

  test.each([
    ["has expired", { fromDays: -9, toDays: -1 }, /certificate has expired/],
    ["is not valid yet", { fromDays: 1, toDays: 9 }, /certificate is not yet valid/],
  ])(
    "rejects a certificate that %s once the file is replaced, and accepts a valid one again",
    async (_what, days, text) => {
      const verify = ["-verify_return_error", "-CAfile", ca.path];
      await ca.sign({ name: "server", ...days });
      expect(await openssl(plain, ...verify)).toMatchObject({ code: 1, text: expect.stringMatching(text) });
      await ca.sign({ name: "server" });
      expect(await openssl(plain, ...verify)).toMatchObject({ code: 0 });
    },
  );
});

describe("grpcurl", () => {
  test("cannot call a coordinator with an unknown CA or without TLS", async () => {
    expect(await grpcurl(plain, ["-cacert", other.path], "ListJobs")).toMatchObject({
      code: 1,
      text: expect.stringContaining("certificate signed by unknown authority"),
    });
    expect((await grpcurl(plain, ["-plaintext", "-max-time", "5"], "ListJobs")).code).not.toBe(0);
  });

  test("is refused by mutual TLS with the fault of its certificate", async () => {
    const cases: [what: string, args: readonly string[]][] = [
      ["has none", []],
      // Go does not send a certificate that none of the server's CAs has signed.
      ["has none", shows(await other.sign({ name: "stranger" }))],
      ["has expired", shows(await ca.sign({ name: "expired", fromDays: -9, toDays: -1 }))],
      ["is not valid yet", shows(await ca.sign({ name: "early", fromDays: 1, toDays: 9 }))],
    ];
    const { token } = await makeToken("--role", "admin");
    await pause(KNOWN_MS);
    for (const [what, args] of cases) {
      const refused = await grpcurl(mutual, [...known(), ...args], "ListJobs", token);
      expect([what, refused.text]).toEqual([
        what,
        expect.stringMatching(/Unauthenticated[\s\S]*CERTIFICATE_REFUSED/),
      ]);
      expect(refused.text).toContain(what);
    }
    expect(await grpcurl(mutual, [...known(), ...shows(client)], "ListJobs", token)).toMatchObject({
      code: 0,
    });
    expect((await mutual.audit()).map(({ event, code }) => [event, code])).toEqual(
      cases.map(() => ["refused", "CERTIFICATE_REFUSED"]),
    );
  });

  test("is refused with the fault of its token, and each refusal is in the audit log", async () => {
    const [revoked, worker, reader] = [
      await makeToken("--role", "admin"),
      await makeToken("--role", "work"),
      await makeToken("--role", "read"),
    ];
    await runCli(["token", "revoke", revoked.id, "--tokens-file", tokens]);
    await pause(KNOWN_MS);
    const cases: [method: string, token: string, text: RegExp][] = [
      ["ListJobs", "", /Unauthenticated[\s\S]*SECRET_REFUSED/],
      ["ListJobs", "x".repeat(43), /Unauthenticated[\s\S]*SECRET_REFUSED/],
      ["ListJobs", revoked.token, /Unauthenticated[\s\S]*was revoked at[\s\S]*TOKEN_REFUSED/],
      ["ListJobs", worker.token, /PermissionDenied[\s\S]*has the role work[\s\S]*ROLE_REFUSED/],
      ["SubmitJob", reader.token, /PermissionDenied[\s\S]*requires the role submit[\s\S]*ROLE_REFUSED/],
      ["CancelJob", reader.token, /PermissionDenied[\s\S]*ROLE_REFUSED/],
    ];
    const before = (await plain.audit()).length;
    for (const [method, token, text] of cases) {
      const refused = await grpcurl(plain, known(), method, token);
      expect([method, refused.text]).toEqual([method, expect.stringMatching(text)]);
    }
    const lines = (await plain.audit()).slice(before);
    expect(lines.map(({ event, method }) => [event, method])).toEqual(
      cases.map(([method]) => ["refused", `/shardmill.v1.JobsService/${method}`]),
    );
    expect(await grpcurl(plain, known(), "ListJobs", reader.token)).toMatchObject({ code: 0 });
  });

  test("is refused with an expired token", async () => {
    const { text, line } = (await import("../../../coordinator/access/tokens.ts")).makeToken(
      { name: "old", role: "admin", expiresAt: "2026-01-01T00:00:00Z" },
      "2025-12-01T00:00:00Z",
    );
    await writeFile(tokens, `${JSON.stringify(line)}\n`, { flag: "a" });
    await pause(KNOWN_MS);
    expect((await grpcurl(plain, known(), "ListJobs", text)).text).toMatch(
      /expired at 2026-01-01[\s\S]*TOKEN_REFUSED/,
    );
  });
});

describe("a certificate whose name has a role", () => {
  const grant = async (certificate: string, role: string) => {
    const named = ["--certificate", certificate, "--role", role, "--name", "nodes", "--json"];
    const made = await runCli(["token", "create", "--tokens-file", tokens, ...named]);
    return (JSON.parse(made.stdout) as { readonly id: string }).id;
  };

  test("authorizes grpcurl for its role without a token until it is revoked", async () => {
    const id = await grant("DNS:*.read.example", "read");
    const reader = shows(await ca.sign({ name: "reader", host: "a.read.example" }));
    const stranger = shows(await ca.sign({ name: "unnamed", host: "a.other.example" }));
    const { token } = await makeToken("--role", "work");
    await pause(KNOWN_MS);
    const before = (await mutual.audit()).length;
    const ask = (certificate: readonly string[], method: string, bearer = "") =>
      grpcurl(mutual, [...known(), ...certificate], method, bearer);
    expect(await ask(reader, "ListJobs")).toMatchObject({ code: 0 });
    const cases: [args: readonly [readonly string[], string, string?], text: RegExp][] = [
      [
        [reader, "SubmitJob"],
        new RegExp(`certificate ${id} \\(nodes\\) has the role read[\\s\\S]*ROLE_REFUSED`),
      ],
      [[stranger, "ListJobs"], /Unauthenticated[\s\S]*SECRET_REFUSED/],
      // When a token is sent, only the token counts.
      [[reader, "ListJobs", token], /has the role work[\s\S]*ROLE_REFUSED/],
    ];
    for (const [args, text] of cases) expect((await ask(...args)).text).toMatch(text);
    await runCli(["token", "revoke", id, "--tokens-file", tokens]);
    await pause(KNOWN_MS);
    expect((await ask(reader, "ListJobs")).text).toMatch(/was revoked at[\s\S]*TOKEN_REFUSED/);
    expect((await mutual.audit()).slice(before).map(({ who, code }) => [who, code])).toEqual([
      [`certificate ${id} (nodes)`, "ROLE_REFUSED"],
      ["nobody", "SECRET_REFUSED"],
      [expect.stringMatching(/^token /), "ROLE_REFUSED"],
      ["nobody", "TOKEN_REFUSED"],
    ]);
  });
});

describe("curl", () => {
  const call = ["--silent", "--show-error", "--max-time", "10", "--dump-header", "-", "--http2"];
  const grpc = ["-X", "POST", "-H", "content-type: application/grpc", "-H", "te: trailers"];
  const path = "shardmill.v1.JobsService/ListJobs";

  test("receives nothing without TLS, and nothing over HTTP/1.1", async () => {
    expect((await run("curl", [...call, `http://${plain.address}/${path}`])).code).not.toBe(0);
    const old = [...call, "--http1.1", "--cacert", ca.path, `https://${plain.address}/${path}`];
    expect((await run("curl", old)).text).not.toMatch(/grpc-status: 0|200 OK/);
  });

  test("is refused by mutual TLS with a certificate of another CA", async () => {
    const stranger = shows(await other.sign({ name: "stranger" })).map((arg) =>
      arg.replace(/^-c/, "--c").replace(/^-k/, "--k"),
    );
    const requested = ["--cacert", ca.path, ...stranger, ...grpc, `https://${mutual.address}/${path}`];
    const refused = await run("curl", [...call, ...requested]);
    expect(refused.text).toMatch(/grpc-status: 16/);
    expect(decodeURIComponent(refused.text)).toContain("not signed by a CA that this coordinator trusts");
  });

  test("is refused without a secret", async () => {
    const args = [
      ...call,
      "--cacert",
      ca.path,
      ...grpc.slice(0, 4),
      "-X",
      "POST",
      `https://${plain.address}/${path}`,
    ];
    const refused = await run("curl", args);
    expect(refused.text).toMatch(/grpc-status: 16/);
    expect(refused.text).toMatch(/SECRET_REFUSED/);
  });

  test("does not call a coordinator with an unknown CA", async () => {
    const refused = await run("curl", [...call, "--cacert", other.path, `https://${plain.address}/${path}`]);
    expect(refused).toMatchObject({ code: 60, text: expect.stringContaining("certificate") });
  });
});

test("grpc-health-probe reads the health over TLS without a token or a client certificate", async () => {
  for (const { address } of [plain, mutual]) {
    const args = ["-addr", address, "-tls", "-tls-ca-cert", ca.path];
    expect(await run(join(folder, "grpc-health-probe"), args)).toMatchObject({ code: 0 });
  }
});
