import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { packageRoot } from "../../shared/core/package-root.ts";
import { fakeServices } from "../support/fake-services.ts";
import { aJobStatus } from "../support/job-status.ts";
import { DESCRIPTORS, ReflectionClient } from "../support/reflection-client.ts";
import { wireRig } from "../support/wire-rig.ts";

const SERVICES = [
  "externalscaler.ExternalScaler",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
  "shardmill.v1.DataService",
  "shardmill.v1.JobsService",
  "shardmill.v1.ServerService",
  "shardmill.v1.WorkService",
  "shardmill.v1.WorkersService",
];

test("the descriptors are up to date with the proto files (npm run descriptors)", async () => {
  const script = join(packageRoot, "scripts", "descriptors.mjs");
  expect(await promisify(execFile)(process.execPath, [script, "--check"])).toEqual({
    stdout: "",
    stderr: "",
  });
});

describe.each(["v1", "v1alpha"] as const)("reflection %s", (version) => {
  test("lists every service, and ends when the caller has no more requests", async () => {
    await using rig = await wireRig(fakeServices());
    using client = await ReflectionClient.of(rig.server.address);
    const [answer] = await client.ask(version, [{ listServices: "" }]);
    const service = SERVICES.map((name) => ({ name }));
    expect(answer).toMatchObject({ listServicesResponse: { service: expect.arrayContaining(service) } });
    expect(answer?.listServicesResponse).toHaveProperty("service.length", SERVICES.length);
    expect(await client.ask(version, [])).toEqual([]);
  });

  test("serves the compiler's descriptor of every file that a service uses", async () => {
    await using rig = await wireRig(fakeServices());
    using client = await ReflectionClient.of(rig.server.address);
    const compiled = fromBinary(FileDescriptorSetSchema, await readFile(DESCRIPTORS));
    const served = await client.files(version, SERVICES);
    const byName = new Map(
      served.map((bytes) => [fromBinary(FileDescriptorProtoSchema, bytes).name, bytes.toString("base64")]),
    );
    expect([...byName.keys()].sort()).toEqual(compiled.file.map(({ name }) => name).sort());
    for (const file of compiled.file) {
      const own = Buffer.from(toBinary(FileDescriptorProtoSchema, file)).toString("base64");
      expect(byName.get(file.name), file.name).toBe(own);
    }
  });

  test("gives a strict client all that it needs to call the services", async () => {
    const services = fakeServices();
    services.jobs.getJob.mockResolvedValue(aJobStatus({ stages: { infer: 0.5 }, secondsLeft: null }));
    await using rig = await wireRig(services);
    using client = await ReflectionClient.of(rig.server.address);
    const registry = await client.registry(version, ["shardmill.v1.JobsService", "grpc.health.v1.Health"]);
    const answer = await client.call(registry, "shardmill.v1.JobsService", "GetJob", {});
    const { job } = answer as { job: Record<string, unknown> };
    expect(job).toMatchObject({ phase: "JOB_PHASE_RUNNING", stages: { infer: 0.5 } });
    expect(job).not.toHaveProperty("secondsLeft");
    expect(await client.call(registry, "grpc.health.v1.Health", "Check", {})).toEqual({ status: "SERVING" });
  });

  test("answers an unknown symbol with an error and continues, and invalid bytes end the call", async () => {
    await using rig = await wireRig(fakeServices());
    using client = await ReflectionClient.of(rig.server.address);
    const answers = await client.ask(version, [
      { fileContainingSymbol: "no.such.Symbol" },
      { fileByFilename: "shardmill/v1/common.proto" },
    ]);
    expect(answers).toMatchObject([
      { errorResponse: { errorCode: status.NOT_FOUND } },
      { fileDescriptorResponse: { fileDescriptorProto: [expect.any(String)] } },
    ]);
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    await expect(client.stream(path, [Buffer.from([0x0a, 0xff, 0xff])])).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
    expect(await client.ask(version, [])).toEqual([]);
  });
});
