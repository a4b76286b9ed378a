import { randomBytes } from "node:crypto";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { describe, expect, type Mock, test } from "vitest";
import { EXTENSIONS } from "#extensions";
import { Judge, SUBMIT } from "../../coordinator/access/judge.ts";
import { METHOD_CALLERS } from "../../coordinator/access/method-callers.ts";
import { startServer } from "../../coordinator/grpc/server.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { silentLogger } from "../../shared/core/log.ts";
import { connectCoordinator } from "../../shared/wire/client.ts";
import { TEST_CREDENTIAL, TEST_GUARD } from "../support/access.ts";
import { type FakeServices, fakeServices } from "../support/fake-services.ts";
import { aJobId } from "../support/ids.ts";
import { compiledRegistry } from "../support/reflection-client.ts";
import { failureOf, wireRig } from "../support/wire-rig.ts";

const SECRET = TEST_GUARD.secret;

/** Returns every method of every service that a server registers, from the compiled descriptors. */
async function methodPaths(): Promise<string[]> {
  const registry = await compiledRegistry();
  return [...registry].flatMap((type) =>
    type.kind === "service" ? type.methods.map(({ name }) => `/${type.typeName}/${name}`) : [],
  );
}

/** Returns the end of a call with these headers and a garbage message. */
function statusOf(client: Client, path: string, headers: Record<string, string[]>): Promise<ServiceError> {
  const metadata = new Metadata();
  for (const [name, values] of Object.entries(headers)) for (const value of values) metadata.add(name, value);
  const asIs = (bytes: Buffer) => bytes;
  return new Promise((resolve, reject) => {
    const call = client.makeBidiStreamRequest<Buffer, Buffer>(path, asIs, asIs, metadata);
    call.on("data", () => {});
    call.on("end", () => reject(new Error(`${path} succeeded`)));
    call.on("error", (error) => resolve(error as ServiceError));
    call.write(randomBytes(64));
  });
}

function callsOf(services: FakeServices): number {
  const answers = Object.values(services).flatMap((service) => Object.values(service) as Mock[]);
  return answers.reduce((calls, { mock }) => calls + mock.calls.length, 0);
}

/**
 * Returns the methods of extensions' ports. The contract suite of faces compares them with their protocols.
 */
function portPaths(): string[] {
  return EXTENSIONS.flatMap(({ face }) => Object.keys(face?.port?.methods ?? {}));
}

test("the table of callers has exactly the methods of all servers", async () => {
  const paths = [...(await methodPaths()), ...portPaths()];
  expect(Object.keys(METHOD_CALLERS).sort()).toEqual(paths.sort());
});

test("only health checks answer unauthenticated callers", () => {
  const open = Object.keys(METHOD_CALLERS).filter((path) => METHOD_CALLERS[path] === "anyone");
  expect(open).toEqual(["Check", "List", "Watch"].map((name) => `/grpc.health.v1.Health/${name}`));
});

describe("an unauthenticated caller", () => {
  const attempts: [who: string, headers: Record<string, string[]>][] = [
    ["without a secret", {}],
    ["with a different secret", { authorization: [`Bearer ${SECRET.replace("a", "b")}`] }],
    ["with a prefix of the secret", { authorization: [`Bearer ${SECRET.slice(0, -1)}`] }],
    ["with text after the secret", { authorization: [`Bearer ${SECRET}x`] }],
    ["with an empty secret", { authorization: ["Bearer "] }],
    ["with another scheme", { authorization: [`Basic ${SECRET}`] }],
    ["with the secret in another header", { cookie: [`Bearer ${SECRET}`] }],
  ];

  test.each(attempts)(
    "a caller %s is refused by every method before its message is read",
    async (_who, headers) => {
      const services = fakeServices();
      await using rig = await wireRig(services);
      const client = new Client(rig.server.address, credentials.createInsecure());
      try {
        const closed = (await methodPaths()).filter((path) => METHOD_CALLERS[path] !== "anyone");
        expect(closed.length).toBeGreaterThan(15);
        for (const path of [...closed, "/shardmill.v1.JobsService/NoSuchMethod"]) {
          const refused = await statusOf(client, path, headers);
          // No method is there, so the guard is not asked.
          const expected = path.endsWith("NoSuchMethod") ? status.UNIMPLEMENTED : status.UNAUTHENTICATED;
          expect({ path, code: refused.code }).toEqual({ path, code: expected });
          expect(refused.details).not.toContain(SECRET);
        }
      } finally {
        client.close();
      }
      expect(callsOf(services)).toBe(0);
    },
  );

  test("gets an error with the secret file and a hint", async () => {
    await using rig = await wireRig(fakeServices());
    const path = "/home/u/.config/shardmill/secret";
    for (const [secret, message] of [
      [null, `requires a secret, and there is none in ${path}`],
      ["x".repeat(43), `does not know the secret in ${path}`],
    ] as const) {
      const client = connectCoordinator(rig.server.address, { path, secret });
      const refused = {
        code: "SECRET_REFUSED",
        message: `the coordinator at ${rig.server.address} ${message}`,
        fields: { address: rig.server.address, path },
        hint: expect.stringContaining("--secret-file"),
      };
      expect(await failureOf(client.jobs.listJobs(NEVER))).toMatchObject(refused);
      const watch = client.jobs.watchJob(aJobId(""), NEVER)[Symbol.asyncIterator]();
      expect(await failureOf(watch.next())).toMatchObject(refused);
      // The client calls health, which needs no secret.
      await client.waitReady(2_000);
      client.close();
    }
  });
});

test("a coordinator with its own job refuses submitted jobs and no other call", async () => {
  const guard = { ...TEST_GUARD, takesJobs: false };
  const judge = new Judge(guard, () => new Map(), Date.now);
  const others = Object.keys(METHOD_CALLERS).filter((path) => path !== SUBMIT);
  for (const path of others) expect(() => judge.identify(path, SECRET), path).not.toThrow();

  const services = fakeServices();
  services.jobs.listJobs.mockResolvedValue([]);
  const server = await startServer({
    listen: "127.0.0.1:0",
    services,
    guard,
    log: silentLogger,
  });
  const client = connectCoordinator(server.address, TEST_CREDENTIAL);
  const raw = new Client(server.address, credentials.createInsecure());
  try {
    expect(await statusOf(raw, SUBMIT, { authorization: [`Bearer ${SECRET}`] })).toMatchObject({
      code: status.PERMISSION_DENIED,
      details: expect.stringContaining("SUBMIT_REFUSED"),
    });
    expect(await statusOf(raw, SUBMIT, {})).toMatchObject({ code: status.UNAUTHENTICATED });
    expect(await failureOf(client.jobs.submitJob({} as never, { fresh: true }, NEVER))).toMatchObject({
      code: "SUBMIT_REFUSED",
      hint: expect.stringContaining("shardmill coordinator"),
    });
    expect(await client.jobs.listJobs(NEVER)).toEqual([]);
    expect(services.jobs.submitJob).not.toHaveBeenCalled();
  } finally {
    raw.close();
    client.close();
    await server.close(0);
  }
});
