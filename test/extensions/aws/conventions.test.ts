import { writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { expect, test, vi } from "vitest";
import { loadAwsSettings, provideByConvention } from "../../../extensions/aws/conventions.ts";
import { systemClock } from "../../../shared/core/clock.ts";
import { AWS_PROFILE, awsFiles } from "../../support/aws-files.ts";

const { at, config } = awsFiles();

test("a missing profile that the environment names is refused", async () => {
  await config(AWS_PROFILE);
  await expect(loadAwsSettings("SQS", { AWS_PROFILE: "nope" })).rejects.toMatchObject({
    code: "STORE_REFUSED",
    message: expect.stringContaining("SQS cannot be used: no profile nope, which the environment names"),
  });
});

test("keys in the environment override its profile, and a profile of the job overrides both", async () => {
  await config(AWS_PROFILE);
  vi.stubEnv("AWS_PROFILE", "svc");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "ENV");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "e");
  const warned = vi.spyOn(console, "warn");
  const keyOf = async (profile?: string) =>
    (await provideByConvention("S3", profile)({ forceRefresh: false })).accessKeyId;
  expect(await keyOf()).toBe("ENV");
  expect(await keyOf("svc")).toBe("PROFILE");
  vi.stubEnv("AWS_ACCESS_KEY_ID", undefined);
  expect(await keyOf()).toBe("PROFILE");
  expect(warned).not.toHaveBeenCalled();
});

test("a key with a line feed is refused, and the error names its variable", async () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "ENV\n");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "e");
  await expect(provideByConvention("S3")({ forceRefresh: false })).rejects.toMatchObject({
    code: "STORE_REFUSED",
    message: "S3 cannot be used: AWS_ACCESS_KEY_ID contains a line feed or a blank",
    fields: { variable: "AWS_ACCESS_KEY_ID" },
  });
});

test("settings in the environment override the profile, and an invalid region is refused", async () => {
  await config("[default]\nregion = eu-west-1\n");
  expect(await loadAwsSettings("SQS", {})).toEqual({ region: "eu-west-1", ca: null });
  expect(await loadAwsSettings("SQS", { AWS_REGION: "us-west-2" })).toMatchObject({ region: "us-west-2" });
  await expect(loadAwsSettings("SQS", { AWS_REGION: "a b" })).rejects.toMatchObject({
    code: "STORE_REFUSED",
    message: "SQS cannot be used: AWS_REGION is not an AWS region",
  });
});

test("certificates are read from the configured bundle, and a bundle without certificates is refused", async () => {
  const [good, empty] = [at("good.pem"), at("empty.pem")];
  await writeFile(good, "-----BEGIN CERTIFICATE-----\n");
  await writeFile(empty, "nothing");
  await config(`[default]\nca_bundle = ${good}\n`);
  expect(await loadAwsSettings("SQS", {})).toMatchObject({ ca: "-----BEGIN CERTIFICATE-----\n" });
  await expect(loadAwsSettings("SQS", { AWS_CA_BUNDLE: empty })).rejects.toMatchObject({
    message: "SQS cannot be used: AWS_CA_BUNDLE has no certificates in PEM",
  });
});

/** Starts an endpoint that accepts connections and never answers. */
async function silentEndpoint(): Promise<{ server: Server; port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return { server, port: typeof address === "object" && address !== null ? address.port : 0, sockets };
}

test("a silent container endpoint times out with its name in the error, and the next call asks it again", async () => {
  const { server, port, sockets } = await silentEndpoint();
  await config("[default]\nregion = us-east-1\n");
  vi.stubEnv("AWS_CONTAINER_CREDENTIALS_FULL_URI", `http://127.0.0.1:${port}/x`);
  const waits: { ms: number; call: () => void }[] = [];
  vi.spyOn(systemClock, "after").mockImplementation((ms, call) => {
    waits.push({ ms, call });
    return () => {};
  });
  try {
    const provide = provideByConvention("S3");
    for (let round = 1; round <= 2; round += 1) {
      const requested = provide({ forceRefresh: false }).catch((error: unknown) => error);
      await vi.waitFor(() => expect(sockets.length).toBeGreaterThanOrEqual(round));
      expect(waits.at(-1)?.ms).toBe(30_000);
      waits.at(-1)?.call();
      expect(await requested).toMatchObject({
        code: "STORE_REFUSED",
        message: `there are no credentials for S3: the container's endpoint 127.0.0.1:${port} (AWS_CONTAINER_CREDENTIALS_FULL_URI) has not answered for 30 s`,
        fields: { throttled: false },
      });
    }
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});
